"""Servers that stand still from one known instant to another: every process of theirs stopped by the kernel."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.runtime.stack import LiveStack


@dataclass(frozen=True, slots=True)
class Still:
    """On the machine's monotonic clock. All stood still for ``least_s``, and some of them for ``most_s``."""

    from_s: float
    to_s: float
    least_s: float
    most_s: float

    @property
    def length_s(self) -> float:
        return (self.least_s + self.most_s) / 2


def freeze(stack: LiveStack, servers: Sequence[str], seconds: float) -> Still:
    """SIGSTOP to all of them, SIGCONT after ``seconds``; the rig's own machine must be the engine's."""
    found = _processes([stack.control.state(server).pid for server in servers])
    began_s = time.monotonic()
    try:
        _send(found, signal.SIGSTOP)
        stopped_s = time.monotonic()
        time.sleep(seconds)
    finally:
        mended_s = time.monotonic()
        _send(found, signal.SIGCONT)
        ended_s = time.monotonic()
    return Still(began_s, mended_s, least_s=mended_s - stopped_s, most_s=ended_s - began_s)


def _send(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        os.kill(process, number)


def _processes(roots: Sequence[int]) -> list[int]:
    """Them and all that descend from them."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = list(roots)
    for process in found:
        found += children.get(process, ())
    return found
