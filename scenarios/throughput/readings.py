"""The meters of every server that a request may touch: read at one time, and when nobody asks for anything."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sim.capacity.demands import MACHINE, REST
from sim.history import Outcome
from sim.plan.model import ServerKind
from sim.scenario import HostLoad, Stage, Usage

REST_S = 8.0
METERED: tuple[ServerKind, ...] = ("gateway", "service", "mysql", "rabbitmq", "redis", "object-store")
_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """All meters at one time."""

    at_s: float
    usage: Mapping[str, Usage]
    machine: HostLoad | None


def read(stage: Stage, kinds: tuple[ServerKind, ...] = METERED) -> Reading:
    """The meters of every server of these kinds; by default all a request may touch."""
    names = [server.name for kind in kinds for server in stage.plan.of_kind(kind)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        usage = dict(zip(names, pool.map(stage.control.usage, names), strict=True))
    return Reading(stage.clock.now_s(), usage, stage.control.host())


def rest(stage: Stage) -> None:
    """Write down what every server, and the machine, is busy with when nobody asks for anything."""
    before = read(stage)
    stage.clock.sleep_s(REST_S)
    after = read(stage)
    duration_s = after.at_s - before.at_s
    for server, usage in after.usage.items():
        stage.record(
            REST,
            server,
            Outcome.OK,
            deployment=stage.plan.server(server).app,
            cores=round((usage.cpu_s - before.usage[server].cpu_s) / duration_s, 6),
            memory_bytes=usage.memory_bytes,
        )
    busy_s = machine_busy_s(before, after)
    stage.record(
        MACHINE,
        "",
        Outcome.OK,
        cores=after.machine.cpus if after.machine else 0,
        busy_cores=None if busy_s is None else round(busy_s / duration_s, 6),
    )


def machine_busy_s(before: Reading, after: Reading) -> float | None:
    """CPU seconds of all cores in between; None when the engine is elsewhere."""
    if before.machine is None or after.machine is None:
        return None
    return after.machine.busy_s - before.machine.busy_s
