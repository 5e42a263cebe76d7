"""A drill as it goes on: faults on and off, who leads, what came of operations, and the gap while it grows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sim.cli.progress import console, is_live
from sim.history import Observation, Outcome
from sim.report.runbook import braced

OPERATIONS = frozenset({"publish", "commit", "put", "set", "order", "consume"})
"""What a user of the platform does; the rest of a history is about the drill."""

_WINDOW_S = 2.0
_GAP_S = 0.5
_MOST_EVENTS = 12
_MARKS = {Outcome.OK: "✓", Outcome.UNSURE: "?", Outcome.FAILED: "✗"}


@dataclass(slots=True)
class DrillState:
    """What a watcher knows. Times are the run's, in seconds; ``now_s`` is that of the last observation."""

    now_s: float = 0.0
    began_s: float | None = None
    in_force: dict[str, float] = field(default_factory=dict)
    leader: str = ""
    recent: deque[tuple[float, Outcome]] = field(default_factory=deque)
    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    last_ok_s: float | None = None
    longest_gap_s: float = 0.0
    in_gap: bool = False
    events: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS))

    def see(self, o: Observation) -> list[str]:
        """Take one observation in. Returns what is worth a line."""
        self.began_s = o.t_s if self.began_s is None else self.began_s
        self.now_s = max(self.now_s, o.t_s)
        told: list[str] = []
        if o.op == "fault":
            told += self._fault(o)
        elif o.op == "leader" and o.outcome is Outcome.OK and o.detail.get("leader"):
            leader = str(o.detail["leader"])
            if leader != self.leader:
                told.append(f"{leader} leads" + (f", {self.leader} led before" if self.leader else ""))
                self.leader = leader
        elif o.op in OPERATIONS:
            told += self._operation(o)
        elif o.op == "rolled":
            told.append(f"{o.target} went round in {float(o.detail.get('down_s', 0.0)):.1f} s")
        elif o.op == "eviction":
            told.append(f"{o.target} evicted" if o.outcome is Outcome.OK else f"{o.target} kept by its budget")
        if o.op not in OPERATIONS:  # what was done comes in bursts, a little late; who watches looks evenly
            told += self._gap_grows()
        at_s = self.now_s - self.began_s
        self.events.extend((at_s, line) for line in told)
        return told

    def _fault(self, o: Observation) -> list[str]:
        name = f"{o.detail.get('name', 'fault')} of {braced(o.target)}"
        evidence = str(o.detail.get("evidence", ""))
        if o.detail.get("phase") == "inject":
            if o.outcome is not Outcome.OK:
                return [f"NO EFFECT: {name}: {evidence}"]
            self.in_force[name] = o.t_s
            return [f"FAULT ON   {name}: {evidence}"]
        lasted_s = o.t_s - self.in_force.pop(name, o.t_s)
        word = "FAULT OFF " if o.outcome is Outcome.OK else "NOT HEALED"
        return [f"{word} {name} after {lasted_s:.1f} s: {evidence}"]

    def _operation(self, o: Observation) -> list[str]:
        self.counts[o.outcome] += 1
        self.recent.append((o.t_s, o.outcome))
        while self.recent and self.recent[0][0] < self.now_s - _WINDOW_S:
            self.recent.popleft()
        if o.op == "consume" or o.outcome is not Outcome.OK:
            return []
        gap_s = o.t_s - self.last_ok_s if self.last_ok_s is not None else 0.0
        self.last_ok_s = max(o.t_s, self.last_ok_s or 0.0)
        self.longest_gap_s = max(self.longest_gap_s, gap_s)
        if self.in_gap:
            self.in_gap = False
            return [f"SERVICE BACK after {gap_s:.2f} s"]
        return []

    def _gap_grows(self) -> list[str]:
        if self.last_ok_s is not None and not self.in_gap and self.now_s - self.last_ok_s > _GAP_S and self.in_force:
            self.in_gap = True
            return [f"NO SERVICE for {self.now_s - self.last_ok_s:.2f} s"]
        return []

    @property
    def gap_s(self) -> float:
        """How long nothing has succeeded, by now."""
        return 0.0 if self.last_ok_s is None else max(0.0, self.now_s - self.last_ok_s)

    def rate_per_s(self, outcome: Outcome) -> float:
        return sum(found is outcome for _, found in self.recent) / _WINDOW_S


class PlainView:
    """One line an event, for a log."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.state = DrillState()
        self._say = say
        self._lock = threading.Lock()

    def see(self, o: Observation) -> None:
        with self._lock:
            lines = self.state.see(o)
            at_s = self.state.now_s - (self.state.began_s or 0.0)
        with suppress(OSError):  # a reader that has seen enough must not end the drill
            for line in lines:
                self._say(f"{at_s:7.1f} s  {line}")

    def close(self) -> None:
        """Nothing is being redrawn."""


class LiveView:
    """The same on a screen, redrawn: the state on top, the last events below it."""

    def __init__(self, target: Console) -> None:
        self.state = DrillState()
        self._target = target
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._looked_s = time.monotonic()

    def see(self, o: Observation) -> None:
        with self._lock:
            self.state.see(o)
            self._looked_s = time.monotonic()
        if self._live is None:  # only now: until something is seen, the screen is the stack's that is rising
            self._live = Live(self, console=self._target, refresh_per_second=8, transient=False)
            self._live.start()

    def close(self) -> None:
        """Leave the last picture standing, so that what follows is printed below it."""
        if self._live is not None:
            self._live.stop()

    def __rich__(self) -> Text:
        with self._lock:
            return self._drawn(self.state, time.monotonic() - self._looked_s)

    def _drawn(self, state: DrillState, since_s: float) -> Text:
        """``since_s`` after the last observation: while nothing is seen time goes on, and so does a gap."""
        width = max(40, self._target.width)
        text = Text(no_wrap=True, overflow="ellipsis")
        elapsed_s = state.now_s - (state.began_s or 0.0)
        if state.in_force:
            for name, from_s in state.in_force.items():
                text.append(f"● {name}"[: width - 10], "bold red").append(
                    f" {state.now_s + since_s - from_s:5.1f} s\n", "red"
                )
        else:
            text.append("○ no fault in force", "green").append(f"  {elapsed_s:5.1f} s\n", "dim")
        text.append("leader  ").append(state.leader or "nobody known", "bold" if state.leader else "yellow").append(
            "\n"
        )
        for outcome, style in ((Outcome.OK, "green"), (Outcome.UNSURE, "yellow"), (Outcome.FAILED, "red")):
            rate = state.rate_per_s(outcome)
            text.append(f"{_MARKS[outcome]} {outcome.value:<7}", style).append(f"{rate:7.1f}/s  ")
            text.append("█" * min(width - 40, round(rate / 5)), style).append(f"  {state.counts[outcome]}\n", "dim")
        gap = f"{state.gap_s + since_s:6.2f} s without success, longest {state.longest_gap_s:.2f} s\n"
        text.append("gap     ").append(gap, "bold red" if state.in_gap else "dim")
        for at_s, line in state.events:
            text.append(f"{at_s:7.1f} s  ", "dim").append(f"{line}\n"[: width - 12].rstrip("\n") + "\n")
        return text


@contextmanager
def drill_view(say: Callable[[str], None]) -> Iterator[PlainView | LiveView]:
    """Whatever fits standard error."""
    target = console()
    view = LiveView(target) if is_live(target) else PlainView(say)
    try:
        yield view
    finally:
        view.close()
