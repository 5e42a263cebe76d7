"""Policy semantics on small rooms of pods: each case of ``room_cases`` put in force step by step and probed whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from scenarios.isolation.asking_edges import ask, write
from scenarios.isolation.canary import close_and_open
from scenarios.isolation.room_cases import CASES, Described
from sim.checks.edge_observations import PODS, pods_detail
from sim.checks.edge_selections import node_edges
from sim.checks.room import (
    ENFORCED,
    FIRST_PACKETS,
    FLOW_ASKED,
    ITSELF,
    NAME,
    REFUSED_MANIFESTS,
    judge_room,
)
from sim.checks.room_case import FIRST, FLOW, LOOPBACK, ROOM, Case, room_edges, room_listeners, step_cluster
from sim.errors import BadInput
from sim.history import Outcome
from sim.policy.loading import load_manifests
from sim.policy.objects import Cluster, Protocol
from sim.probing.model import Edge, Question, Reach
from sim.probing.network import PodNetwork
from sim.scenario import Scenario, Stage

_TIMEOUT_S = 0.3
_CANARY = Edge("z/a", "z/c", Protocol.TCP, 99)


def rehearse(case: Case, stage: Stage) -> None:
    if case.refused is not None:
        _try_to_read(stage, case.refused[0])
    with stage.control.room(ROOM) as room:
        base = room.cluster
        room.enforce(base.with_policies(()))
        stage.record(PODS, "", Outcome.OK, **pods_detail(base, room.counters()))
        close_and_open(stage, room, _CANARY, _TIMEOUT_S)
        with room.listening(room_listeners()):
            for number in range(len(case.steps)):
                _play(stage, room, base, case, number)


def _play(stage: Stage, room: PodNetwork, base: Cluster, case: Case, number: int) -> None:
    began_s = stage.clock.now_s()
    room.enforce(step_cluster(base, case.steps[number]), case.established)
    stage.record(ENFORCED, "", Outcome.OK, step=number, spent_s=round(stage.clock.now_s() - began_s, 3))
    if "flow" in case.extras:
        _flow(stage, room, number)
    _matrix(stage, room, case, number)
    if "first packets" in case.extras:
        _first_packets(stage, room, number)
    if "loopback" in case.extras:
        _itself(stage, room, number)
    if "names" in case.extras:
        _names(stage, room, number)


def _matrix(stage: Stage, room: PodNetwork, case: Case, number: int) -> None:
    edges = [*node_edges(room_edges(case)), *room_edges(case)]
    write(stage, ask(room, [Question(edge) for edge in edges], _TIMEOUT_S), step=number)


def _first_packets(stage: Stage, room: PodNetwork, number: int) -> None:
    """A container whose first act is to try, started twice: as a server is, and as one is that was killed."""
    edges = [Edge(FIRST, target, Protocol.TCP, 80) for target in ("x/b", "x/c", "y/b", "z/a")]
    for attempt in (1, 2):
        answers = room.first_packets(FIRST, [Question(edge) for edge in edges], _TIMEOUT_S)
        for edge, answer in zip(edges, answers, strict=True):
            stage.record(
                FIRST_PACKETS,
                edge.target,
                Outcome.UNSURE if answer.reach is Reach.PROBER_FAILED else Outcome.OK,
                actor=FIRST,
                step=number,
                attempt=attempt,
                protocol=edge.protocol.value,
                port=edge.port,
                reach=answer.reach.value,
                evidence=answer.evidence,
            )


def _flow(stage: Stage, room: PodNetwork, number: int) -> None:
    """Opened in the first step, asked in every one."""
    answer = room.open_flow(FLOW, _TIMEOUT_S) if number == 0 else room.ask_flow(FLOW, _TIMEOUT_S)
    stage.record(
        FLOW_ASKED,
        FLOW.target,
        Outcome.OK,
        actor=FLOW.source,
        step=number,
        phase="opened" if number == 0 else "asked",
        reach=answer.reach.value,
        evidence=answer.evidence,
    )


def _itself(stage: Stage, room: PodNetwork, number: int) -> None:
    for pod in (pod.full_name for pod in ROOM):
        ends = (LOOPBACK, room.cluster.pod(pod).addresses[0])
        loopback, own = room.probe([Question(Edge(pod, end, Protocol.TCP, 80)) for end in ends], _TIMEOUT_S)
        stage.record(
            ITSELF, pod, Outcome.OK, actor=pod, step=number, loopback=loopback.reach.value, own=own.reach.value
        )


def _names(stage: Stage, room: PodNetwork, number: int) -> None:
    name = f"a.z.svc.{stage.topology.cluster_domain}"
    for pod in (FIRST, FLOW.source):
        for protocol in (Protocol.UDP, Protocol.TCP):
            answer = room.resolve(pod, name, protocol, _TIMEOUT_S)
            stage.record(
                NAME,
                name,
                Outcome.OK,
                actor=pod,
                step=number,
                protocol=protocol.value,
                reach=answer.reach.value,
                evidence=answer.evidence,
            )


def _try_to_read(stage: Stage, path: Path) -> None:
    message = ""
    try:
        load_manifests(path)
    except BadInput as error:
        message = str(error)
    outcome = Outcome.FAILED if message else Outcome.OK
    stage.record(REFUSED_MANIFESTS, path.name, outcome, message=message.replace(f"{path.parent}/", ""))


_ESSENTIAL = frozenset({"no-policies", "default-deny-both", "deny-and-allow", "first-packet", "dns", "replies"})
"""What the platform's own policies rest on; the short verification leaves the rest to the whole one."""


def _scenario(described: Described) -> Scenario:
    return Scenario(
        name=f"isolation/policy-{described.name}",
        claim=described.claim,
        section="10",
        needs=(),
        rehearse=partial(rehearse, described.case),
        judge=partial(judge_room, described.case),
        source=described.source,
        essential=described.name in _ESSENTIAL,
    )


SCENARIOS: tuple[Scenario, ...] = tuple(_scenario(described) for described in CASES)
