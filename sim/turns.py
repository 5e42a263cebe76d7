"""Two builds in turns on one platform: each pair of repeats meets the machine in the same mood.

Every turn begins with new containers of its build: what one process has by luck (where its memory lies, what its hashes
are salted with) is noise between repeats, not the build's. Which of a pair goes first is drawn, each as often as the
other, so that neither always has the warmer machine. Both halves of a pair have the same seed, and so the same load.

Source: T. Kalibera and R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from sim.pipeline import Run, Venue

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class Side:
    """One build: ``name`` of its folder, ``venue`` the platform as planned with it; ``put`` has it run there, anew."""

    name: str
    venue: Venue
    put: Callable[[], None]


def orders(repeats: int, rng: random.Random) -> tuple[bool, ...]:
    """For each pair whether the second side goes first: as often as not, one more or less."""
    drawn = [bool(number % 2) for number in range(repeats)]
    rng.shuffle(drawn)
    return tuple(drawn)


def play_in_turns(run: Run, sides: tuple[Side, Side], repeats: int, tell: Callable[[int, Side], None]) -> None:
    """Each turn is a run like any other, in ``<run's folder>/<side's name>/<number>``."""
    rng = random.Random(f"{run.seed}/turns")  # noqa: S311 - repeatable, not secret
    for number, second_first in enumerate(orders(repeats, rng), start=1):
        for side in reversed(sides) if second_first else sides:
            tell(number, side)
            side.put()
            directory = run.directory / side.name / f"{number:03d}"
            directory.mkdir(parents=True)
            replace(run, directory=directory, seed=run.seed + number).on(side.venue, {})
