"""Open-loop load as a history tells it: segments, their seconds, their kinds of request.

Operations: ``segment`` (``name``, ``rate_per_s``, ``duration_s``, ``due``, ``unsent``, ``abandoned``, ``errors`` by
reason, of the generator's ``workers`` the busiest one's ``cpu_share``, and ``late_p99_s``, ``hdr``: the good answers'
latencies), ``interval`` (one second of a segment: ``at_s``, ``due``, ``errors``, ``answered``, ``hdr``) and ``kind``
(one kind of request of a segment: ``service``, ``count``, ``errors``, ``hdr``). Latency counts from when a request was
due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.histogram import Latencies, merged
from sim.history import Observation, only

SEGMENT = "segment"
INTERVAL = "interval"
KIND = "kind"
WARM_UP, MEASURED, CONTROL = "warm-up", "measured", "control"

CPU_SHARE = 0.8
"""Above it a generator measures itself (Locust's own warning begins at 90 %)."""
UNSENT_SHARE = 0.001
LATE_BOUND_S = 0.1
"""A generator whose 99th percentile leaves later than this was starved, and its latencies are its own."""


@dataclass(frozen=True, slots=True)
class Second:
    """``latencies`` are of the good answers to what was due in it, ``answered`` how many came within it."""

    at_s: float
    due: int
    errors: int
    answered: int
    latencies: Latencies


@dataclass(frozen=True, slots=True)
class Load:
    """One segment, read back."""

    name: str
    rate_per_s: float
    duration_s: float
    due: int
    unsent: int
    abandoned: int
    errors: Mapping[str, int]
    cpu_share: float
    workers: int
    late_p99_s: float
    cut_short: bool
    engine: str
    in_flight_max: int
    latencies: Latencies
    seconds: tuple[Second, ...]
    ended_s: float

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())

    @property
    def answered(self) -> int:
        """Requests that came to something, good or bad."""
        return self.latencies.count + self.error_count

    @property
    def due_at_gateway(self) -> int:
        """Without files for the object store."""
        return sum(second.due for second in self.seconds) + self.unsent + self.abandoned

    @property
    def good_per_s(self) -> float:
        """What was well answered within the segment's own length, whenever it was due."""
        return sum(second.answered for second in self.seconds) / self.duration_s if self.duration_s else 0.0

    def since(self, at_s: float) -> tuple[int, int, Latencies]:
        """(due, errors, latencies) of the seconds from ``at_s`` on."""
        kept = [second for second in self.seconds if second.at_s >= at_s]
        return (
            sum(second.due for second in kept),
            sum(second.errors for second in kept),
            merged(second.latencies for second in kept),
        )

    @property
    def generator_trouble(self) -> tuple[str, ...]:
        """Why what this segment saw may be the generator's own doing; empty when it kept up."""
        found = []
        if self.cpu_share > CPU_SHARE:
            found.append(f"generator saturated: it used {100 * self.cpu_share:.0f} % of a core")
        if self.due and self.unsent > UNSENT_SHARE * self.due:
            found.append(f"generator saturated: {self.unsent} of {self.due} requests were never sent")
        if self.late_p99_s > LATE_BOUND_S:
            found.append(
                f"generator saturated: it sent up to {1000 * self.late_p99_s:.0f} ms late (99th percentile); "
                "free the host's CPU and run again"
            )
        return tuple(found)


def loads(observations: Sequence[Observation]) -> dict[str, Load]:
    """By segment, in order. Raises ValueError or KeyError for a history that is not what it should be."""
    seconds: dict[str, list[Second]] = {}
    for o in only(observations, INTERVAL):
        detail = o.detail
        seconds.setdefault(str(detail["segment"]), []).append(
            Second(
                float(detail["at_s"]),
                int(detail["due"]),
                int(detail["errors"]),
                int(detail["answered"]),
                Latencies.decoded(str(detail["hdr"])),
            )
        )
    return {
        str(o.detail["name"]): _load(o, tuple(seconds.get(str(o.detail["name"]), ())))
        for o in only(observations, SEGMENT)
        if "hdr" in o.detail
    }


def _load(observation: Observation, seconds: tuple[Second, ...]) -> Load:
    detail: Mapping[str, Any] = observation.detail
    return Load(
        name=str(detail["name"]),
        rate_per_s=float(detail["rate_per_s"]),
        duration_s=float(detail["duration_s"]),
        due=int(detail["due"]),
        unsent=int(detail["unsent"]),
        abandoned=int(detail["abandoned"]),
        errors={str(reason): int(count) for reason, count in dict(detail["errors"]).items()},
        cpu_share=float(detail["cpu_share"]),
        workers=int(detail.get("workers", 1)),
        late_p99_s=float(detail["late_p99_s"]),
        cut_short=bool(detail["cut_short"]),
        engine=str(detail["engine"]),
        in_flight_max=int(detail["in_flight_max"]),
        latencies=Latencies.decoded(str(detail["hdr"])),
        seconds=seconds,
        ended_s=observation.t_s,
    )
