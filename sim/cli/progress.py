"""Live progress on a terminal, plain lines elsewhere; always on standard error, so that ``--json`` stays clean."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sim.runtime.rising import Phase
from sim.scenario import Scenario

_SYMBOLS: dict[Phase, tuple[str, str]] = {
    "planned": ("·", "dim"),
    "creating": ("▹", "cyan"),
    "starting": ("▸", "yellow"),
    "ready": ("✓", "green"),
    "failed": ("✗", "bold red"),
}


def console() -> Console:
    """Standard error, without colour or motion when it is not a terminal, in CI, or under ``NO_COLOR``."""
    return Console(stderr=True, highlight=False)


def is_live(target: Console) -> bool:
    return target.is_terminal and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


class PlainProgress:
    """One line when a server is ready or fails."""

    def __init__(self, names: tuple[str, ...], target: Console) -> None:
        self._total = len(names)
        self._ready = 0
        self._target = target

    def server(self, name: str, phase: Phase, elapsed_s: float) -> None:
        if phase == "ready":
            self._ready += 1
            self._target.print(f"{elapsed_s:6.1f} s  ready  {name}  ({self._ready}/{self._total})", markup=False)
        elif phase == "failed":
            self._target.print(f"{elapsed_s:6.1f} s  FAILED {name}", markup=False)

    def close(self) -> None:
        """Nothing is being redrawn."""


class LiveProgress:
    """All servers in columns that fit the terminal, redrawn as they come up."""

    def __init__(self, names: tuple[str, ...], target: Console) -> None:
        self._phases: dict[str, Phase] = dict.fromkeys(names, "planned")
        self._times_s: dict[str, float] = {}
        self._began_s = time.monotonic()
        self._target = target
        self._lock = threading.Lock()
        self.live: Live | None = None

    def close(self) -> None:
        """Leave the last picture standing, so that what follows is printed below it."""
        if self.live is not None:
            self.live.stop()

    def server(self, name: str, phase: Phase, elapsed_s: float) -> None:
        with self._lock:
            self._phases[name] = phase
            self._times_s[name] = elapsed_s

    def __rich__(self) -> Text:
        with self._lock:
            phases, times_s = dict(self._phases), dict(self._times_s)
        ready = sum(phase == "ready" for phase in phases.values())
        width = max(map(len, phases), default=10) + 12
        columns = max(1, self._target.width // width)
        rows = -(-len(phases) // columns)
        names = sorted(phases)
        text = Text()
        for row in range(rows):
            for name in names[row::rows]:
                symbol, style = _SYMBOLS[phases[name]]
                when = f"{times_s[name]:5.1f} s" if phases[name] in {"ready", "failed"} else ""
                cell = Text.assemble((f"{symbol} ", style), (name, "" if when else "dim"), " ", (when, "dim"))
                cell.pad_right(max(0, width - cell.cell_len))
                text.append(cell)
            text.append("\n")
        text.append(f"{ready}/{len(phases)} ready, {time.monotonic() - self._began_s:.1f} s", style="bold")
        return text


@contextmanager
def rising(names: tuple[str, ...]) -> Iterator[PlainProgress | LiveProgress]:
    """Progress of one start-up on whatever standard error is."""
    target = console()
    if not is_live(target):
        yield PlainProgress(names, target)
        return
    live_progress = LiveProgress(names, target)
    with Live(live_progress, console=target, refresh_per_second=8, transient=False) as live:
        live_progress.live = live
        yield live_progress


def say(line: str) -> None:
    """A line of what is being done, to standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def announce(scenario: Scenario, number: int, total: int, stack: str = "") -> None:
    """What is rehearsed now, and on which of several stacks."""
    say(f"[{number:>{len(str(total))}}/{total}] {scenario.name}{f' ({stack})' if stack else ''}")
