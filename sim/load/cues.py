"""What else happens while a segment is played, each at its time: looks, faults, their healing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.clock import Clock


@dataclass(frozen=True, slots=True)
class Cue:
    """``act`` is called ``at_s`` after the segment began, or as soon after as those before it let it."""

    at_s: float
    act: Callable[[], None]


def take(cues: Sequence[Cue], clock: Clock, began_s: float) -> None:
    """All of them, in the order of their times."""
    for cue in sorted(cues, key=lambda cue: cue.at_s):
        clock.sleep_s(began_s + cue.at_s - clock.now_s())
        cue.act()
