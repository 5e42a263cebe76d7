"""A stack as it ran, as a network: its containers with their limits, on the one machine under them all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.capacity.calibration import Calibration, Latency, Visit
from sim.capacity.demands import LEVEL, MACHINE, MIX, REST, Demands, Level, TooLittleError, demands_of, levels_of
from sim.capacity.network import Load, Network
from sim.capacity.stations import Station
from sim.history import Observation, Outcome, only

LIMITS = "limits"
"""One a deployment: ``{"deployment", "pods", "threads", "limit_cores"}``; 0 cores is no limit."""
THE_MACHINE = "the machine"
CARRIED_SHARE = 0.8
"""Of the rate offered, what was answered while the meters ran: the last answers of a step come after it."""
MOST_UNEVEN = 20.0
"""Waits beyond are a stall's, and tell nothing of a rate's."""
COST_SHARE = 2 / 3
"""Of the lowest rate that broke: costs are read below it, so that what is foretold of the rest was not put in."""


@dataclass(frozen=True, slots=True)
class AsRun:
    """``levels`` are all that were metered, ``costed`` those of them that the demands were read from."""

    demands: Demands
    levels: tuple[Level, ...]
    costed: tuple[Level, ...]
    idle_cores: Mapping[str, float]
    cores: int
    network: Network

    def foreign_cores(self, rate_per_s: float) -> float | None:
        """What others had of the machine at the first rate from this one on; None where that was not seen."""
        return next((level.foreign_cores for level in self.levels if level.rate_per_s >= rate_per_s), None)

    def beside(self, foreign_cores: float) -> Network:
        """The network on a machine of which others have so much."""
        machine = self.network.loads.get(THE_MACHINE)
        if machine is None:
            return self.network
        taken = min(machine.idle_cores + foreign_cores, 0.99 * machine.station.cores)
        loads = {**self.network.loads, THE_MACHINE: replace(machine, idle_cores=taken)}
        return replace(self.network, loads=loads)

    def cores_at(self, rate_per_s: float, deployment: str | None = None) -> float:
        """What platform and generator, or one deployment, will be busy with, idling included."""
        cores = rate_per_s * self.demands.cpu_s_at(rate_per_s)
        if deployment is None:
            return cores + sum(self.idle_cores.values())
        return cores * self.demands.shares.get(deployment, 0.0) + self.idle_cores.get(deployment, 0.0)


def as_run(observations: Sequence[Observation], broken_per_s: float = math.inf) -> AsRun:
    """From what one history metered. Raises TooLittleError, and ValueError for what cannot be read."""
    seen = [o for o in observations if o.outcome is Outcome.OK]
    machine = next((o.detail for o in only(seen, MACHINE)), None)
    rests, limits, levels, mix = only(seen, REST), only(seen, LIMITS), levels_of(seen), only(seen, MIX)
    if machine is None or not rests or not limits or not levels or not mix:
        parts = {"machine": machine, "servers at rest": rests, "limits": limits, "rates": levels, "visits": mix}
        raise TooLittleError(f"not on record: {', '.join(what for what, found in parts.items() if not found)}")
    idle_cores: dict[str, float] = {}
    for o in rests:
        name = str(o.detail["deployment"])
        idle_cores[name] = idle_cores.get(name, 0.0) + float(o.detail["cores"])
    costed = tuple(level for level in levels if level.rate_per_s <= COST_SHARE * broken_per_s) or levels[:1]
    if not all(level.answered for level in costed):
        raise TooLittleError(f"nothing was answered at {costed[0].rate_per_s:g} requests/s")
    demands = demands_of(costed, idle_cores)
    cores = int(machine["cores"])
    network = _network(demands, idle_cores, limits, cores, costed[0].latency)
    even = AsRun(demands, levels, costed, idle_cores, cores, network)
    return replace(even, network=replace(network, unevenness=_unevenness(even)))


def _unevenness(even: AsRun) -> float:
    """From the latency at the highest rate that costs were read from, beside what others had of the machine then."""
    top = even.costed[-1]
    network = even.beside(top.foreign_cores or 0.0)
    foretold_s = network.latency(top.answered_per_s).p99_s - network.base.p99_s
    waited_s = top.latency.p99_s - network.base.p99_s
    if not 0 < foretold_s < math.inf:
        return 1.0
    return min(MOST_UNEVEN, max(1.0, waited_s / foretold_s))


def _network(
    demands: Demands, idle_cores: Mapping[str, float], limits: Sequence[Observation], cores: int, base: Latency
) -> Network:
    whole = float(cores) or math.inf
    loads: dict[str, Load] = {}
    for o in limits:
        name, pods = str(o.detail["deployment"]), int(o.detail["pods"])
        each = min(float(o.detail["threads"]), float(o.detail["limit_cores"]) or whole, whole)
        station = Station.of(each, pods)
        loads[name] = _load(station, demands, demands.shares.get(name, 0.0), idle_cores.get(name, 0.0))
    if cores:  # an engine elsewhere is not seen
        loads[THE_MACHINE] = _load(Station.of(whole, 1), demands, 1.0, sum(idle_cores.values()))
    return Network(loads, base)


def _load(station: Station, demands: Demands, share: float, idle_cores: float) -> Load:
    cpu_s = share * demands.whole_cpu_s
    return Load(station, cpu_s, idle_cores, demands.sparing, cpu_s / demands.most_spared)


def _carried(level: Mapping[str, Any]) -> bool:
    """A rate that was not carried tells what a platform costs that chokes."""
    answered_per_s = int(level["answered"]) / float(level["duration_s"])
    return answered_per_s >= CARRIED_SHARE * float(level["rate_per_s"])


def calibration_as_run(observations: Sequence[Observation], **where: Any) -> Calibration:
    """One visit, the mix's average, for forecasts of other sizes of the platform. Raises TooLittleError.

    Costs are those of the highest rate they were read from: what a pod of a larger platform sees is no more.

    ``where``: ``measured_at``, ``host``, ``environment``, ``fidelity``, ``notes``.
    """
    carried = {o.detail["rate_per_s"] for o in only(observations, LEVEL) if _carried(o.detail)}
    found = as_run([o for o in observations if o.op != LEVEL or o.detail["rate_per_s"] in carried])
    mix = only(observations, MIX)[0].detail
    pods: dict[str, list[Mapping[str, Any]]] = {}
    for o in only(observations, REST):
        pods.setdefault(str(o.detail["deployment"]), []).append(o.detail)
    top_cpu_s = found.demands.cpu_s_at(found.costed[-1].answered_per_s)
    visit = Visit(
        weight=1.0,
        requests=float(mix["requests"]),
        think_s=float(mix["think_s"]),
        sampled=sum(level.answered for level in found.costed),
        cpu_s={name: round(share * top_cpu_s, 9) for name, share in found.demands.shares.items()},
        machine_cpu_s=round(top_cpu_s, 9),
    )
    return Calibration(
        cores=found.cores,
        rate_per_s=found.costed[-1].rate_per_s,
        latency=found.costed[0].latency,
        visits={"mix": visit},
        idle_cores={name: sum(float(d["cores"]) for d in each) / len(each) for name, each in pods.items()},
        memory_bytes={name: max(int(d["memory_bytes"]) for d in each) for name, each in pods.items()},
        machine_idle_cores=sum(found.idle_cores.values()),
        **where,
    )
