"""What a request costs, from what several rates took: the Utilisation Law read backwards.

The cores a server keeps busy grow with the rate, ``fixed + rate x demand``. Read from one low rate alone, a demand has
the fixed part in it (wake-ups, batches of one) and is too dark a view of a high rate; a machine under load makes the
same work dearer (caches, context switches), which no low rate shows. A line through several rates has both in its
slope.
Source: J. Rolia and V. Vetland, Parameter Estimation for Performance Models of Distributed Application Systems, 1995.

Operations: ``rest`` and ``machine`` as in ``measured``; ``level`` one a rate driven, ``{"rate_per_s", "duration_s",
"answered", "errors", "cores": {deployment: cores}, "generator_cores", "machine_cores", "mean_s", "p50_s", "p95_s",
"p99_s"}``, all over the time it was metered; ``mix`` once, ``{"requests", "think_s"}`` of a visit on average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.capacity.calibration import Latency
from sim.history import Observation, Outcome, only

LEVEL = "level"
MIX = "mix"
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Level:
    """``rate_per_s`` is offered, ``answered_per_s`` what came of it while the meters ran.

    ``machine_cores`` is what all of the machine was busy with, None where it cannot be seen.
    """

    rate_per_s: float
    answered_per_s: float
    answered: int
    errors: int
    cores: Mapping[str, float]
    generator_cores: float
    machine_cores: float | None
    latency: Latency

    @property
    def platform_cores(self) -> float:
        return sum(self.cores.values())

    @property
    def foreign_cores(self) -> float | None:
        """What neither platform nor generator spent: the kernel, the engine, the rig, neighbours."""
        if self.machine_cores is None:
            return None
        return max(0.0, self.machine_cores - self.platform_cores - self.generator_cores)


@dataclass(frozen=True, slots=True)
class Demand:
    """``fixed_cores`` of all its pods whatever the rate, and ``cpu_s`` of each request."""

    fixed_cores: float
    cpu_s: float

    def cores(self, rate_per_s: float) -> float:
        return self.fixed_cores + rate_per_s * self.cpu_s


def fitted(points: Sequence[tuple[float, float]]) -> Demand:
    """Of (rate, cores) the line of least squares, neither part below nothing. Raises ValueError without two rates."""
    mean_rate = sum(rate for rate, _ in points) / len(points) if points else 0.0
    mean_cores = sum(cores for _, cores in points) / len(points) if points else 0.0
    spread = sum((rate - mean_rate) ** 2 for rate, _ in points)
    if spread <= 0:
        raise ValueError("demands need two rates")
    slope = sum((rate - mean_rate) * (cores - mean_cores) for rate, cores in points) / spread
    if slope <= 0:
        return Demand(max(0.0, mean_cores), 0.0)
    fixed = mean_cores - slope * mean_rate
    if fixed >= 0:
        return Demand(fixed, slope)
    return Demand(0.0, sum(r * c for r, c in points) / sum(r * r for r, _ in points))


@dataclass(frozen=True, slots=True)
class Demands:
    """``whole`` is everything the platform and its generator spend on one machine, fitted by itself."""

    by_deployment: Mapping[str, Demand]
    whole: Demand

    def of(self, deployment: str) -> Demand:
        return self.by_deployment.get(deployment, Demand(0.0, 0.0))


def demands_of(levels: Sequence[Level], idle_cores: Mapping[str, float]) -> Demands:
    """``idle_cores`` by deployment, all its pods, at rest: a rate of nothing, where there are not two others.

    Raises ValueError without any level.
    """
    if not levels:
        raise ValueError("no rate was metered")
    at_rest = len({level.answered_per_s for level in levels}) < _FEWEST
    names = sorted({name for level in levels for name in level.cores})
    return Demands(
        {
            name: fitted(
                [
                    *((level.answered_per_s, level.cores.get(name, 0.0)) for level in levels),
                    *([(0.0, idle_cores.get(name, 0.0))] if at_rest else []),
                ]
            )
            for name in names
        },
        fitted(
            [
                *((level.answered_per_s, level.platform_cores + level.generator_cores) for level in levels),
                *([(0.0, sum(idle_cores.values()))] if at_rest else []),
            ]
        ),
    )


def levels_of(observations: Sequence[Observation]) -> tuple[Level, ...]:
    """By rate. Raises KeyError, TypeError or ValueError for what is no level."""
    seen = (o.detail for o in only(observations, LEVEL) if o.outcome is Outcome.OK)
    return tuple(sorted((_level(detail) for detail in seen), key=lambda level: level.rate_per_s))


def _level(detail: Mapping[str, Any]) -> Level:
    duration_s, machine = float(detail["duration_s"]), detail["machine_cores"]
    return Level(
        rate_per_s=float(detail["rate_per_s"]),
        answered_per_s=int(detail["answered"]) / duration_s,
        answered=int(detail["answered"]),
        errors=int(detail["errors"]),
        cores={str(name): float(cores) for name, cores in dict(detail["cores"]).items()},
        generator_cores=float(detail["generator_cores"]),
        machine_cores=None if machine is None else float(machine),
        latency=Latency(*(float(detail[name]) for name in ("mean_s", "p50_s", "p95_s", "p99_s"))),
    )
