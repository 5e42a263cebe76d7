"""An open-loop schedule: when each operation is due is decided beforehand, whatever the answers do.

A closed loop waits for the last answer before it asks again, so a stall silences the very requests that would have
felt it (coordinated omission). Here latency counts from when an operation was due, and one that was never sent is
counted. Source: Gil Tene, wrk2, README, "Constant Throughput, correct latency recording".
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of load at one rate. ``name`` says what it is for."""

    name: str
    rate_per_s: float
    duration_s: float

    @property
    def count(self) -> int:
        """Operations due within it."""
        return round(self.rate_per_s * self.duration_s)


def due_times_s(segment: Segment, rng: random.Random) -> Sequence[float]:
    """When each operation is due, counted from the segment's start.

    One to a slot of 1/rate, at a random place in it: the rate is exact over any stretch, and no rhythm of the platform
    can hide between the beats.
    """
    slot_s = 1.0 / segment.rate_per_s
    return [(number + rng.random()) * slot_s for number in range(segment.count)]
