"""An open network of stations that each request of the mix visits: how busy each is, how long an answer takes.

A request's waits add up over stations, each as if alone (Jackson; with general service an approximation). What is not
processor time (disks, networks, pauses) is in the latency measured at a low rate and stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sim.capacity.calibration import Latency
from sim.capacity.queueing import Wait, quantile_s, total, waiting
from sim.capacity.stations import Station

_HALVINGS = 50


@dataclass(frozen=True, slots=True)
class Load:
    """What one request costs a station, in CPU seconds, and what of the station's cores is taken without any.

    ``cpu_s`` is what a lone request costs; ``sparing`` is how much more of them a CPU second answers for each request a
    second there is, down to a cost of ``least_cpu_s``.
    """

    station: Station
    cpu_s: float
    idle_cores: float = 0.0
    sparing: float = 0.0
    least_cpu_s: float = 0.0

    def cpu_s_at(self, rate_per_s: float) -> float:
        return max(self.least_cpu_s, self.cpu_s / (1 + self.sparing * rate_per_s))

    def busy_cores(self, rate_per_s: float) -> float:
        """By requests alone."""
        return rate_per_s * self.cpu_s_at(rate_per_s)

    def utilisation(self, rate_per_s: float) -> float:
        return (self.busy_cores(rate_per_s) + self.idle_cores) / self.station.cores

    def ceiling_per_s(self) -> float:
        """The rate that keeps every place busy; endless where a request costs nothing, or ever less."""
        left = max(0.0, self.station.cores - self.idle_cores)
        dearer = self.cpu_s - left * self.sparing
        falling = left / dearer if dearer > 0 else math.inf
        return min(falling, left / self.least_cpu_s) if self.least_cpu_s > 0 else falling

    def wait(self, rate_per_s: float) -> Wait:
        """What idling takes slows all places alike."""
        left = max(1e-9, 1.0 - self.idle_cores / self.station.cores)
        return waiting(self.station.places, self.cpu_s_at(rate_per_s) / (self.station.speed * left), rate_per_s)


@dataclass(frozen=True, slots=True)
class Network:
    """``base`` is the latency measured at a low rate on whole cores.

    ``unevenness`` is how many times longer requests wait than if work were as even as M/M/c has it: requests differ,
    they pass a machine's processors many times, and what they set off afterwards is in the way of others.
    """

    loads: Mapping[str, Load]
    base: Latency
    unevenness: float = 1.0

    def first_to_saturate(self) -> tuple[str, float]:
        """Its name and the rate at which it does."""
        name = min(self.loads, key=lambda n: (self.loads[n].ceiling_per_s(), n))
        return name, self.loads[name].ceiling_per_s()

    def latency(self, rate_per_s: float) -> Latency:
        """Infinite where a station is overrun. Percentiles add up those of the parts, which is a little too much."""
        on_path = self._on_path()
        slower_s = on_path * sum(
            load.cpu_s * (1 / load.station.speed - 1) for load in self.loads.values() if load.station.speed < 1
        )
        waits = [load.wait(rate_per_s) for load in self.loads.values()]
        longer = on_path * self.unevenness
        wait = total([Wait(w.mean_s * longer, w.second_moment_s2 * longer**2) for w in waits])
        stretch = 1 + slower_s / self.base.mean_s if self.base.mean_s > 0 else 1.0
        return Latency(
            mean_s=self.base.mean_s * stretch + wait.mean_s,
            p50_s=self.base.p50_s * stretch + quantile_s(wait, 0.5),
            p95_s=self.base.p95_s * stretch + quantile_s(wait, 0.95),
            p99_s=self.base.p99_s * stretch + quantile_s(wait, 0.99),
        )

    def _on_path(self) -> float:
        """The share of the processor time an answer waits for: some is spent on events afterwards."""
        spent_s = sum(load.cpu_s for load in self.loads.values())
        return min(1.0, self.base.mean_s / spent_s) if spent_s > 0 else 1.0

    def knee_per_s(self, p99_bound_s: float) -> float:
        """The highest rate at which 99 % of answers come within the bound; 0 when they do at none."""
        if self.latency(0.0).p99_s > p99_bound_s:
            return 0.0
        low, high = 0.0, self.first_to_saturate()[1]
        if math.isinf(high):
            return math.inf
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.latency(middle).p99_s <= p99_bound_s else (low, middle)
        return low
