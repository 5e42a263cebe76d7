"""What requests cost: the processor time of every container, at rest and under one kind of visit after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from scenarios.throughput.crowd import people_for, shoppers
from sim.capacity.measured import BASE, COST, MACHINE, REST, VISIT
from sim.history import Outcome
from sim.load.arrivals import customers_needed
from sim.load.journeys import JOURNEYS, MIX
from sim.load.open_loop import Segment
from sim.load.people import People
from sim.plan.model import ServerKind
from sim.scenario import Evidence, HostLoad, Scenario, Stage, Usage
from sim.verdict import Verdict, unknown

RATE_PER_S = 30.0
"""Gentle, yet enough for brokers and databases to work in batches as they do under load: a request costs less there."""
REST_S = 8.0
WARM_UP_S = 2.0
MEASURED_S = 9.0
BASE_S = 15.0
SETTLE_S = 2.0
"""For events on their way: what a request sets off is part of its cost."""
METERED: tuple[ServerKind, ...] = ("gateway", "service", "mysql", "rabbitmq", "redis", "object-store")
_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """All meters at one time."""

    at_s: float
    usage: Mapping[str, Usage]
    machine: HostLoad | None


def read(stage: Stage) -> Reading:
    """The meters of every server a request may touch."""
    names = [server.name for kind in METERED for server in stage.plan.of_kind(kind)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        usage = dict(zip(names, pool.map(stage.control.usage, names), strict=True))
    return Reading(stage.clock.now_s(), usage, stage.control.host())


def measure_costs(stage: Stage) -> None:
    """Write down what idles, what each kind of visit costs, and how long the mix's answers take at a low rate."""
    rest(stage)
    people = people_for(stage, max(customers_needed(mix, RATE_PER_S) for mix in (MIX, *({name: 1.0} for name in MIX))))
    for name in MIX:
        _visit(stage, name, people)
    with shoppers(stage, RATE_PER_S, people=people) as engine:
        engine.play(Segment("warm-up", RATE_PER_S, WARM_UP_S))
        report = engine.play(Segment(BASE, RATE_PER_S, BASE_S))
    told = report.latencies
    stage.record(
        BASE,
        stage.servers.gateway().name,
        Outcome.OK if told.count else Outcome.FAILED,
        actor=engine.name,
        rate_per_s=RATE_PER_S,
        answered=told.count,
        errors=report.error_count,
        mean_s=round(told.mean_s, 6) if told.count else 0.0,
        **{f"p{round(100 * q)}_s": round(told.quantile_s(q), 6) if told.count else 0.0 for q in (0.5, 0.95, 0.99)},
    )


def rest(stage: Stage) -> None:
    """Write down what every server, and the machine, is busy with when nobody asks for anything."""
    with _metered(stage, REST_S) as (before, after):
        pass
    duration_s = after[0].at_s - before.at_s
    for server, usage in after[0].usage.items():
        stage.record(
            REST,
            server,
            Outcome.OK,
            deployment=stage.plan.server(server).app,
            cores=round((usage.cpu_s - before.usage[server].cpu_s) / duration_s, 6),
            memory_bytes=usage.memory_bytes,
        )
    busy_s = machine_busy_s(before, after[0])
    stage.record(
        MACHINE,
        "",
        Outcome.OK,
        cores=after[0].machine.cpus if after[0].machine else 0,
        busy_cores=None if busy_s is None else round(busy_s / duration_s, 6),
    )


@contextmanager
def _metered(stage: Stage, more_s: float) -> Iterator[tuple[Reading, list[Reading]]]:
    """A reading before, and one in the list so long after the block."""
    before, after = read(stage), list[Reading]()
    yield before, after
    stage.clock.sleep_s(more_s)
    after.append(read(stage))


def _visit(stage: Stage, name: str, people: People) -> None:
    journey = JOURNEYS[name]
    with shoppers(stage, RATE_PER_S, {name: 1.0}, people) as engine:
        engine.play(Segment("warm-up", RATE_PER_S, WARM_UP_S))
        with _metered(stage, SETTLE_S) as (before, after):
            report = engine.play(Segment(name, RATE_PER_S, MEASURED_S))
    duration_s = after[0].at_s - before.at_s
    for server, usage in after[0].usage.items():
        stage.record(
            COST,
            server,
            Outcome.OK,
            visit=name,
            deployment=stage.plan.server(server).app,
            cpu_s=round(usage.cpu_s - before.usage[server].cpu_s, 6),
            duration_s=round(duration_s, 6),
        )
    stage.record(
        VISIT,
        name,
        Outcome.OK if report.latencies.count else Outcome.FAILED,
        actor=engine.name,
        visit=name,
        weight=float(MIX[name]),
        requests=sum(not ask.uploads for ask in journey.asks),
        think_s=sum(ask.think_s for ask in journey.asks),
        answered=report.latencies.count,
        errors=report.error_count,
        duration_s=round(duration_s, 6),
        generator_cpu_s=round(report.cpu_share * report.duration_s, 6),
    )


def machine_busy_s(before: Reading, after: Reading) -> float | None:
    """CPU seconds of all cores in between; None when the engine is elsewhere."""
    if before.machine is None or after.machine is None:
        return None
    return after.machine.busy_s - before.machine.busy_s


def _no_claim(_evidence: Evidence) -> Verdict:
    return unknown("costs are no claim: throughput/capacity-model weighs what is made of them")


COSTS = Scenario(
    name="throughput/costs",
    claim="What a request costs each component.",
    section="12",
    needs=("gateway", "service", "mysql", "rabbitmq"),
    rehearse=measure_costs,
    judge=_no_claim,
)
"""For ``sim capacity --calibrate`` alone: it makes no claim, so it is in no table."""
