"""Open-loop load as the report draws it: seconds, segments and what each component was at, read from a history.

Read from ``segment`` (``name``, ``rate_per_s``, ``duration_s``, ``errors``, ``hdr``), ``interval`` (``segment``,
``at_s``, ``due``, ``errors``, ``answered``, ``hdr``) and ``cores`` (``step``, ``cores``, ``limit_cores``,
``throttled_share``). Latencies are HdrHistograms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.histogram import Latencies
from sim.history import Observation

SEGMENT, INTERVAL, CORES = "segment", "interval", "cores"
STEP = "step-"
_MEASURED = ("measured", "loaded", "pipelined")


@dataclass(frozen=True, slots=True)
class Second:
    """``t_s`` since the run began; latencies in seconds, None where nothing was well answered."""

    t_s: float
    segment: str
    due: int
    errors: int
    answered: int
    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class Segment:
    name: str
    rate_per_s: float
    duration_s: float
    ended_s: float
    errors: int
    answered_per_s: float
    latencies: Latencies

    @property
    def p99_s(self) -> float:
        return self.latencies.quantile_s(0.99)


@dataclass(frozen=True, slots=True)
class Use:
    """One server in one step: cores used, and the share of the scheduler's periods it was held back in."""

    step: str
    server: str
    cores: float
    limit_cores: float
    throttled_share: float


def seconds(observations: Sequence[Observation]) -> tuple[Second, ...]:
    """In order of time."""
    found = []
    for o in observations:
        if o.op == INTERVAL and "hdr" in o.detail:
            latencies = Latencies.decoded(str(o.detail["hdr"]))
            told = latencies.count > 0
            found.append(
                Second(
                    o.t_s,
                    str(o.detail.get("segment", "")),
                    int(o.detail.get("due", 0)),
                    int(o.detail.get("errors", 0)),
                    int(o.detail.get("answered", 0)),
                    latencies.quantile_s(0.5) if told else None,
                    latencies.quantile_s(0.99) if told else None,
                )
            )
    return tuple(sorted(found, key=lambda second: second.t_s))


def segments(observations: Sequence[Observation]) -> tuple[Segment, ...]:
    answered: dict[str, int] = {}
    for o in observations:
        if o.op == INTERVAL:
            name = str(o.detail.get("segment", ""))
            answered[name] = answered.get(name, 0) + int(o.detail.get("answered", 0))
    return tuple(
        Segment(
            name,
            float(o.detail.get("rate_per_s", 0.0)),
            duration_s,
            o.t_s,
            sum(int(count) for count in dict(o.detail.get("errors", {})).values()),
            answered.get(name, 0) / duration_s,
            Latencies.decoded(str(o.detail["hdr"])),
        )
        for o in observations
        if o.op == SEGMENT and "hdr" in o.detail
        for name in [str(o.detail.get("name", ""))]
        for duration_s in [max(float(o.detail.get("duration_s", 0.0)), 1e-9)]
    )


def steps(found: Sequence[Segment]) -> tuple[Segment, ...]:
    """Those of a climb, by their rate."""
    return tuple(sorted((s for s in found if s.name.startswith(STEP)), key=lambda s: s.rate_per_s))


def measured(found: Sequence[Segment]) -> Segment | None:
    """The one a verdict was taken from, None when there is none of that name."""
    return next((s for name in _MEASURED for s in found if s.name == name), None)


def uses(observations: Sequence[Observation]) -> tuple[Use, ...]:
    return tuple(
        Use(
            str(o.detail["step"]),
            o.target,
            float(o.detail["cores"]),
            float(o.detail.get("limit_cores", 0.0)),
            float(o.detail.get("throttled_share", 0.0)),
        )
        for o in observations
        if o.op == CORES and "cores" in o.detail and "step" in o.detail
    )
