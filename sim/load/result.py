"""What a load generator hands back, whichever engine it is: the fate of each operation, and how the generator fared."""

from __future__ import annotations

from dataclasses import dataclass

from sim.history import Outcome


@dataclass(frozen=True, slots=True)
class Sent:
    """One operation. Times are in seconds of the generator's clock; latency counts from ``due_s``."""

    id: str
    due_s: float
    sent_s: float
    done_s: float
    outcome: Outcome
    message: str = ""

    @property
    def latency_s(self) -> float:
        return self.done_s - self.due_s


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """One segment as it was driven. ``due`` operations were planned, ``unsent`` of them never left the generator.

    ``cpu_share`` is the generator's CPU time over the segment's length: 1.0 is a whole core. ``in_flight_max`` is the
    most that was sent and not yet answered at one time.
    """

    name: str
    rate_per_s: float
    duration_s: float
    began_s: float
    due: int
    unsent: int
    cpu_share: float
    in_flight_max: int
    sent: tuple[Sent, ...]
