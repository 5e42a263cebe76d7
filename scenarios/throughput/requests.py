"""Requests one after the other, alone and on a few connections: how long a build takes for them, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scenarios.throughput.asks import Ask, Asker, asks_of, ping_of
from scenarios.throughput.readings import Reading, read
from sim.checks.request_costs import ALONE, ASKED, METERED, STEP, STRETCH, TOGETHER, judge_requests
from sim.history import Outcome
from sim.plan.model import ServerKind, ServerSpec
from sim.scenario import Scenario, Stage
from sim.servers.http_protocol import HttpReply
from sim.services.catalogue import SERVICE_MODULES

NAME = "throughput/requests"
WARM_UP, MEASURED_ALONE, MEASURED_TOGETHER = 30, 120, 180
"""The neighbour's included: enough for an error share of a hundredth to be told from none."""
CONNECTIONS = 4
_STRETCHES = 12
_OURS: tuple[ServerKind, ...] = ("gateway", "service")


@dataclass(frozen=True, slots=True)
class _Sent:
    ask: Ask
    at_s: float
    reply: HttpReply


def requests_of(deployments: frozenset[str] = frozenset()) -> Scenario:
    """The scenario for these deployments alone; of the gateway, or of none, all services of the stack are asked.

    What they cost is metered for the deployments named; where none is, for all services that were asked. A neighbour,
    a service that is not one of them, is asked who it is after every request: what the machine does to both is no
    matter of the build.
    """

    def rehearse(stage: Stage) -> None:
        apps = {s.app for s in stage.plan.of_kind("service")}
        named = {
            key: stage.topology.services[key].name
            for key in SERVICE_MODULES
            if key in stage.topology.services and stage.topology.services[key].name in apps
        }
        keys = tuple(key for key, app in named.items() if app in deployments) or tuple(named)
        metered = deployments or frozenset(named[key] for key in keys)
        asks, asker = asks_of(stage, keys)
        beside = [ping_of(key) for key in named if key not in keys][:1]
        _one_after_the_other(stage, asker, _drawn(stage, asks, WARM_UP))
        before = read(stage)
        beside_apps = frozenset(s.app for kind in _OURS for s in stage.plan.of_kind(kind)) - metered
        for number in range(_STRETCHES):
            drawn = _drawn(stage, asks, MEASURED_ALONE // (1 + len(beside)) // _STRETCHES)
            began = read(stage, _OURS)
            _one_after_the_other(stage, asker, [one for ask in drawn for one in (ask, *beside)])
            ended = read(stage, _OURS)
            stage.record(
                STRETCH,
                str(number),
                Outcome.OK,
                count=len(drawn),
                cpu_s=_used_s(stage, began, ended, metered),
                neighbour_cpu_s=_used_s(stage, began, ended, beside_apps),
            )
        for phase, connections, count in ((ALONE, 1, MEASURED_ALONE), (TOGETHER, CONNECTIONS, MEASURED_TOGETHER)):
            drawn = _drawn(stage, asks, count // (1 + len(beside)))
            _phase(stage, asker, phase, connections, [(ask, *beside) for ask in drawn])
        _write_costs(stage, before, read(stage), metered)

    return Scenario(
        name=NAME,
        claim="Asked one thing after the other, the services answer well within a second; what it costs is on record.",
        section="9",
        needs=("gateway", "service"),
        rehearse=rehearse,
        judge=judge_requests,
        essential=False,
        source="document, section 9 (alert above 1 s); T. Kalibera and R. Jones on repeats, ISMM 2013",
        parameters={"alone": MEASURED_ALONE, "together": MEASURED_TOGETHER, "connections": CONNECTIONS},
    )


def _used_s(stage: Stage, began: Reading, ended: Reading, apps: frozenset[str]) -> float:
    """CPU seconds of these deployments' pods."""
    names = [name for name in ended.usage if stage.plan.server(name).app in apps]
    return round(sum(ended.usage[name].cpu_s - began.usage[name].cpu_s for name in names), 6)


def _drawn(stage: Stage, asks: Sequence[Ask], count: int) -> tuple[Ask, ...]:
    """Each as often as the others, in an order of chance: two builds are asked exactly the same."""
    drawn = [asks[number % len(asks)] for number in range(count)]
    stage.rng.shuffle(drawn)
    return tuple(drawn)


def _phase(stage: Stage, asker: Asker, phase: str, connections: int, turns: Sequence[tuple[Ask, ...]]) -> None:
    """``turns``: what is asked, and after it the neighbour, on the same connection."""
    began_s, began_cpu_s = stage.clock.now_s(), time.process_time()
    if connections == 1 or stage.servers.modelled:
        sent = _one_after_the_other(stage, asker, [ask for turn in turns for ask in turn])
    else:
        with ThreadPoolExecutor(connections) as pool:
            shares = pool.map(
                lambda n: _one_after_the_other(stage, asker, [ask for turn in turns[n::connections] for ask in turn]),
                range(connections),
            )
            sent = sorted((one for share in shares for one in share), key=lambda one: one.at_s)
    seconds = stage.clock.now_s() - began_s
    # A model is asked in no time: it has used what was used.
    busy_s = 0.0 if stage.servers.modelled else time.process_time() - began_cpu_s
    deployments = {key: service.name for key, service in stage.topology.services.items()}
    for one in sent:
        stage.record_at(
            one.at_s,
            ASKED,
            deployments[one.ask.service],
            one.reply.outcome,
            phase=phase,
            route=one.ask.route,
            neighbour=one.ask.neighbour,
            status=one.reply.status,
            latency_s=round(one.reply.latency_s, 6),
        )
    stage.record(
        STEP,
        stage.servers.gateway().name,
        Outcome.OK,
        name=phase,
        connections=connections,
        count=len(sent),
        duration_s=round(seconds, 6),
        cpu_share=round(busy_s / seconds, 4) if seconds > 0 else 0.0,
    )


def _one_after_the_other(stage: Stage, asker: Asker, asks: Sequence[Ask]) -> list[_Sent]:
    return [_Sent(ask, stage.clock.now_s(), asker.send(ask, number)) for number, ask in enumerate(asks)]


def _write_costs(stage: Stage, before: Reading, after: Reading, metered: frozenset[str]) -> None:
    for server, usage in after.usage.items():
        spec: ServerSpec = stage.plan.server(server)
        stage.record(
            METERED,
            server,
            Outcome.OK,
            kind=spec.kind,
            app=spec.app,
            asked=spec.app in metered,
            cpu_s=round(usage.cpu_s - before.usage[server].cpu_s, 6),
        )


REQUESTS = requests_of()
