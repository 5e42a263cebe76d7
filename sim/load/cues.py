"""What else happens while a segment is played, each at its time: looks, faults, their healing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.clock import Clock


@dataclass(frozen=True, slots=True)
class Cue:
    """``act`` is called ``at_s`` after the segment began, or as soon after as those before it let it."""

    at_s: float
    act: Callable[[], None]


def interleaved(
    due_s: Sequence[float], send: Callable[[int], None], cues: Sequence[Cue], clock: Clock, began_s: float
) -> None:
    """Send number by number in one thread, each cue before the first that is due after it, and the rest at the end.

    ``due_s`` counts from ``began_s``; ``send`` itself waits until its number is due.
    """
    coming = deque(sorted(cues, key=lambda cue: cue.at_s))
    for number, at_s in enumerate(due_s):
        while coming and coming[0].at_s <= max(at_s, clock.now_s() - began_s):
            take((coming.popleft(),), clock, began_s)
        send(number)
    take(coming, clock, began_s)


def take(cues: Sequence[Cue], clock: Clock, began_s: float) -> None:
    """All of them, in the order of their times."""
    for cue in sorted(cues, key=lambda cue: cue.at_s):
        clock.sleep_s(began_s + cue.at_s - clock.now_s())
        cue.act()
