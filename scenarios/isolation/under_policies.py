"""The platform lives under its policies: names resolve, the node's probes get through, a restart opens nothing."""

from __future__ import annotations

from collections.abc import Iterable

from scenarios.isolation.asking_edges import ask, write
from scenarios.isolation.canary import close_and_open
from scenarios.isolation.edges import CANARY_PORT, EVERYONE, Places, visitors
from sim.checks.edge_observations import PODS, pods_detail
from sim.checks.edge_selections import node_edges, places, service_edges
from sim.checks.under_policies import (
    AFTER,
    BEFORE,
    DOCUMENTED,
    DOWN,
    NAME,
    STARTED,
    WITHOUT_DNS,
    judge_names,
    judge_restart,
    without_dns,
)
from sim.faults.kill import Kill
from sim.history import Outcome
from sim.policy.objects import Protocol
from sim.probing.model import NODE, Edge, Reach
from sim.probing.network import PodNetwork
from sim.scenario import Scenario, Stage
from sim.topology.names import service_fqdn

_TIMEOUT_S = 1.0
_NAME_TIMEOUT_S = 0.3


def rehearse_names(stage: Stage) -> None:
    with stage.control.network() as network:
        policed = network.counters()
        stage.record(PODS, "", Outcome.OK, **pods_detail(network.cluster, policed))
        if not policed:
            return
        whole = network.cluster
        for phase, policies in ((DOCUMENTED, whole.policies), (WITHOUT_DNS, without_dns(whole.policies))):
            network.enforce(whole.with_policies(policies))
            _ask_names(stage, network, phase)


def _ask_names(stage: Stage, network: PodNetwork, phase: str) -> None:
    """The cache's full name: there is one such pod in every environment, and nobody's search path is needed."""
    name = service_fqdn(stage.topology.cache.name, stage.plan.namespace, stage.topology.cluster_domain)
    for pod in places(network.cluster):
        for protocol in (Protocol.UDP, Protocol.TCP):
            answer = network.resolve(pod.full_name, name, protocol, _NAME_TIMEOUT_S)
            stage.record(
                NAME,
                name,
                Outcome.UNSURE if answer.reach is Reach.PROBER_FAILED else Outcome.OK,
                actor=pod.full_name,
                protocol=protocol.value,
                reach=answer.reach.value,
                evidence=answer.evidence,
                phase=phase,
            )


def rehearse_restart(stage: Stage) -> None:
    victim = stage.rng.choice([server.name for server in stage.plan.of_kind("service")])

    def ready() -> bool:
        return stage.servers.service(victim).health("ready").status == 200

    with stage.control.network(visitors(stage)) as network:
        policed = network.counters()
        stage.record(PODS, "", Outcome.OK, **pods_detail(network.cluster, policed))
        if not policed:
            return
        ingress, stranger = (pod.full_name for pod in visitors(stage))
        close_and_open(stage, network, Edge(stranger, ingress, Protocol.TCP, CANARY_PORT), _TIMEOUT_S)
        _look(stage, network, victim, BEFORE)
        with Kill(victim, ready=ready).inject(stage):
            _look(stage, network, victim, DOWN)
        _look(stage, network, victim, AFTER)


def _look(stage: Stage, network: PodNetwork, victim: str, phase: str) -> None:
    """From the victim's network to everybody; before and after, when each server was started, and the node's probes."""
    edges = service_edges(network.cluster, victim)
    asked = [*node_edges(edges), *edges]
    if phase != DOWN:
        asked += _kubelet(network)
        for server in stage.plan.servers:
            at = stage.control.state(server.name).started_at
            stage.record(STARTED, server.name, Outcome.OK, at=at, phase=phase, victim=server.name == victim)
    served = Places.of(stage.plan)
    questions = [served.question(edge) for edge in dict.fromkeys(asked)]
    write(stage, ask(network, questions, _TIMEOUT_S), phase=phase)


def _kubelet(network: PodNetwork) -> Iterable[Edge]:
    return [
        Edge(NODE, pod.full_name, port.protocol, port.port) for pod in places(network.cluster) for port in pod.ports
    ]


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="isolation/names-under-policies",
        claim="Every pod resolves names under the policies; without the rule for names those under them do no more.",
        section="10",
        needs=EVERYONE,
        rehearse=rehearse_names,
        judge=judge_names,
        source="cyclonus, default-deny egress and DNS, adapted: the engine's server inside each pod counts as DNS",
        essential=False,
    ),
    Scenario(
        name="isolation/restart-under-policies",
        claim="A service that dies and is started again stays behind its policies, and the node's probes get through.",
        section="10",
        needs=EVERYONE,
        rehearse=rehearse_restart,
        judge=judge_restart,
        source="Kubernetes documentation, Network Policies, Pod lifecycle; kubernetes-sigs/kube-network-policies",
        essential=False,
    ),
)
