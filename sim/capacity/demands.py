"""What a request costs, from what several rates took: the Utilisation Law read backwards, with costs that fall.

A request is the cheaper the more of them there are: they share wake-ups, batches, commits, warm caches. Read from one
low rate alone, a cost is too dark a view of a high rate by half. Over the rates a platform carries, the cores that are
busy follow a power of the rate, a straight line on paper logarithmic both ways; one exponent for the whole platform,
since single services see too few requests in a step for one of their own, and a share of the costs for each.
Sources: J. Rolia and V. Vetland, Parameter Estimation for Performance Models of Distributed Application Systems, 1995
(demands from utilisation); Kattepur and Nambiar, Performance Modeling of Multi-tiered Web Applications with Varying
Service Demands, 2015 (demands that depend on the load).

Operations: ``rest`` one a server, ``{"deployment", "cores", "memory_bytes"}``, and ``machine`` once, ``{"cores"}``,
when nobody asks for anything; ``level`` one a rate driven, ``{"rate_per_s", "duration_s", "answered", "errors",
"cores": {deployment: cores}, "generator_cores", "machine_cores", "mean_s", "p50_s", "p95_s", "p99_s"}``, all over the
time it was metered; ``mix`` once, ``{"requests", "think_s"}`` of a visit on average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.capacity.calibration import Latency
from sim.history import Observation, Outcome, only

REST = "rest"
MACHINE = "machine"
LEVEL = "level"
MIX = "mix"
NOISE_SHARE = 0.25
"""Of what idles: idling is not that even, and less than it is no request's doing."""
_LEAST_GROWTH, _MOST_GROWTH = 0.4, 1.3
"""An exponent beyond is a neighbour's doing: nothing costs next to nothing more, or ever more, with the rate."""


class TooLittleError(ValueError):
    """The history does not hold what costs need. The message says what is missing."""


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
class Demands:
    """``cpu_s`` of one request at ``per_s`` requests a second, by deployment; ``growth`` is the exponent of the rate.

    ``whole_cpu_s`` is the platform's and its generator's together.
    """

    per_s: float
    growth: float
    cpu_s: Mapping[str, float]
    whole_cpu_s: float

    def cores(self, cpu_s: float, rate_per_s: float) -> float:
        """What requests keep busy at a rate, of whatever costs ``cpu_s`` at ``per_s``."""
        return cpu_s * self.per_s * math.pow(rate_per_s / self.per_s, self.growth)


def demands_of(levels: Sequence[Level], idle_cores: Mapping[str, float]) -> Demands:
    """``idle_cores`` by deployment, all its pods, at rest. With one rate alone a request costs the same at any.

    Raises ValueError when nothing was answered, or answers cost nothing.
    """
    idle = sum(idle_cores.values())
    spent = [(level, level.platform_cores + level.generator_cores - idle) for level in levels if level.answered > 0]
    if not spent or any(cores <= 0 for _, cores in spent):
        raise ValueError("nothing was answered, or it cost nothing")
    growth = _growth([(level.answered_per_s, cores) for level, cores in spent])
    per_s = spent[-1][0].answered_per_s
    scale = sum((level.answered_per_s / per_s) ** growth for level, _ in spent) * per_s
    cpu_s: dict[str, float] = {}
    for name in sorted({name for level in levels for name in level.cores}):
        at_rest = len(spent) * idle_cores.get(name, 0.0)
        busy = sum(level.cores.get(name, 0.0) for level, _ in spent) - at_rest
        cpu_s[name] = busy / scale if busy > NOISE_SHARE * at_rest else 0.0
    return Demands(per_s, growth, cpu_s, sum(cores for _, cores in spent) / scale)


def _growth(points: Sequence[tuple[float, float]]) -> float:
    """The slope of (rate, cores) in logarithms, by least squares, within reason."""
    logs = [(math.log(rate), math.log(cores)) for rate, cores in points]
    mean_x, mean_y = sum(x for x, _ in logs) / len(logs), sum(y for _, y in logs) / len(logs)
    spread = sum((x - mean_x) * (x - mean_x) for x, _ in logs)
    if spread <= 0:
        return 1.0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread
    return min(_MOST_GROWTH, max(_LEAST_GROWTH, slope))


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
