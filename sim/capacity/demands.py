"""What a request costs, from what several rates took: the Utilisation Law read backwards, with costs that fall.

A request is the cheaper the more of them there are: they share wake-ups, batches, commits, warm caches, and the busier
a machine, the more of them find somebody awake. Read from one low rate alone, a cost is too dark a view of a high rate
by half. How many requests a CPU second answers grows with their rate, near to a straight line from a tenth of the knee
to the knee; one line for the whole platform, since single services see too few requests in a step for one of their own,
and a share of the costs for each.
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
BEYOND = 1.5
"""At rates above those it was read from a CPU second is taken to answer no more than so many times the most seen."""
NOISE_SHARE = 0.25
"""Of what idles: idling is not that even, and less than it is no request's doing."""


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
    """``whole_cpu_s`` of a lone request, the platform's and its generator's together; ``shares`` by deployment.

    ``sparing``: a CPU second answers so much more of them for each request a second there is, to ``most_spared`` times
    what it answers of lone ones.
    """

    whole_cpu_s: float
    shares: Mapping[str, float]
    sparing: float
    most_spared: float

    def cpu_s_at(self, rate_per_s: float) -> float:
        """Of a request at a rate, of platform and generator together."""
        return self.whole_cpu_s / min(self.most_spared, 1 + self.sparing * rate_per_s)


def demands_of(levels: Sequence[Level], idle_cores: Mapping[str, float]) -> Demands:
    """``idle_cores`` by deployment, all its pods, at rest. With one rate alone a request costs the same at any.

    Raises ValueError when nothing was answered, or answers cost nothing.
    """
    idle = sum(idle_cores.values())
    spent = [(level, level.platform_cores + level.generator_cores - idle) for level in levels if level.answered > 0]
    if not spent or any(cores <= 0 for _, cores in spent):
        raise ValueError("nothing was answered, or it cost nothing")
    lone_per_cpu_s, gain = _line([(level, level.answered_per_s / cores) for level, cores in spent])
    whole = sum(cores for _, cores in spent)
    shares: dict[str, float] = {}
    for name in sorted({name for level in levels for name in level.cores}):
        at_rest = len(spent) * idle_cores.get(name, 0.0)
        busy = sum(level.cores.get(name, 0.0) for level, _ in spent) - at_rest
        shares[name] = busy / whole if busy > NOISE_SHARE * at_rest else 0.0
    sparing = gain / lone_per_cpu_s
    most_spared = BEYOND * (1 + sparing * spent[-1][0].answered_per_s)
    return Demands(1 / lone_per_cpu_s, shares, sparing, most_spared)


def _line(points: Sequence[tuple[Level, float]]) -> tuple[float, float]:
    """Of what a CPU second answers at each level, by least squares: at a rate of nothing, and the gain with the rate.

    A level weighs by the root of its answers: chance is the less, the more of them, a neighbour's noise is not. No gain
    is below nothing, and none has lone requests cost more than twice what was seen to be dearest.
    """
    seen = [(math.sqrt(level.answered), level.answered_per_s, per_cpu_s) for level, per_cpu_s in points]
    whole = sum(weight for weight, _, _ in seen)
    mean_x, mean_y = sum(w * x for w, x, _ in seen) / whole, sum(w * y for w, _, y in seen) / whole
    spread = sum(w * (x - mean_x) * (x - mean_x) for w, x, _ in seen)
    gain = sum(w * (x - mean_x) * (y - mean_y) for w, x, y in seen) / spread if spread > 0 else 0.0
    least = min(y for _, _, y in seen) / 2
    gain = min(max(0.0, gain), (mean_y - least) / mean_x)
    return mean_y - gain * mean_x, gain


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
