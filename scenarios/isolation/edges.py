"""The platform's own edges under its policies: every pair of pods, probed from inside, against the expected table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Self

from scenarios.isolation.asking_edges import ask, write, write_counters
from scenarios.isolation.canary import close_and_open
from sim.checks.edge_observations import PODS, pods_detail
from sim.checks.edge_selections import (
    UNDOCUMENTED_PORT,
    broker,
    cache,
    databases,
    every_edge,
    gateway_and_services,
    into_the_gateway,
    node_edges,
    object_store,
    scraping,
)
from sim.checks.edges import PACE, Claim, expected_edges, judge_edges, policies_of
from sim.history import Outcome
from sim.plan.model import Plan, ServerKind
from sim.policy.objects import Direction, Pod, Protocol
from sim.probing.model import Edge, Listener, Question
from sim.probing.network import PodNetwork
from sim.scenario import Scenario, Stage

_TIMEOUT_S = 1.0
CANARY_PORT = 7778
EVERYONE: tuple[ServerKind, ...] = (
    "mysql",
    "rabbitmq",
    "object-store",
    "redis",
    "prometheus",
    "alertmanager",
    "node-exporter",
    "mysql-exporter",
    "gateway",
    "service",
)
_HELLOS: Mapping[str, str] = {
    "mysql": "",
    "amqp": "AMQP\x00\x00\x09\x01",
    "redis": "PING\r\n",
    "smtp": "",
    **dict.fromkeys(("http", "metrics", "s3", "management", "console"), "GET / HTTP/1.0\r\n\r\n"),
}
"""What is said on a port of that name; on others, that it accepts is all that is asked."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where one port is served, and what to say there."""

    hellos: Mapping[tuple[str, int], str]

    @classmethod
    def of(cls, plan: Plan) -> Self:
        return cls(
            {
                (f"{server.namespace}/{server.name}", port.number): _HELLOS[port.name]
                for server in plan.servers
                for port in server.ports
                if port.name in _HELLOS
            }
        )

    def question(self, edge: Edge) -> Question:
        hello = self.hellos.get((edge.target, edge.port)) if edge.protocol is Protocol.TCP else None
        return Question(edge, hello)


def visitors(stage: Stage) -> tuple[Pod, Pod]:
    """The ingress controller, which the rig does not run, in its namespace; and somebody in one that nobody named."""
    topology = stage.topology
    ingress = Pod(topology.ingress.controller, topology.ingress.namespace, {"app": topology.ingress.controller})
    return ingress, Pod("stranger", "default", {"app": "stranger"})


def rehearse(claim: Claim, stage: Stage) -> None:
    with stage.control.network(visitors(stage)) as network:
        policed = network.counters()
        stage.record(PODS, "", Outcome.OK, **pods_detail(network.cluster, policed))
        if not policed:
            return
        ingress, stranger = (pod.full_name for pod in visitors(stage))
        close_and_open(stage, network, Edge(stranger, ingress, Protocol.TCP, CANARY_PORT), _TIMEOUT_S)
        if claim.wall is not None:
            images = {server.image.component: server.image for server in stage.plan.servers}
            alone = policies_of(stage.topology, stage.plan.environment, images, claim.wall)
            network.enforce(network.cluster.with_policies(alone))
        _probe(stage, network, claim)


def _probe(stage: Stage, network: PodNetwork, claim: Claim) -> None:
    edges = claim.edges(network.cluster, stage.topology)
    served = Places.of(stage.plan)
    receivers = [Listener(pod, Protocol.UDP, UNDOCUMENTED_PORT) for pod in dict.fromkeys(e.target for e in edges)]
    asked = [*node_edges(edges), *edges]
    began_s = stage.clock.now_s()
    with network.listening(receivers):
        answers = ask(network, [served.question(edge) for edge in asked], _TIMEOUT_S)
    spent_s = stage.clock.now_s() - began_s
    write(stage, answers, expected_edges(network.cluster, asked))
    write_counters(stage, network)
    stage.record(PACE, "", Outcome.OK, edges=len(asked), spent_s=round(spent_s, 3))


def _scenario(name: str, claim: str, section: str, judged: Claim, source: str, *, essential: bool = True) -> Scenario:
    return Scenario(
        name=f"isolation/{name}",
        claim=claim,
        section=section,
        needs=EVERYONE,
        rehearse=partial(rehearse, judged),
        judge=partial(judge_edges, judged),
        source=source,
        essential=essential,
    )


_SPECIFICATION = "Kubernetes documentation, Network Policies"
SCENARIOS: tuple[Scenario, ...] = (
    _scenario(
        "edges",
        "Every pod reaches every other exactly where the policies say, on documented ports and on one that is none.",
        "10",
        Claim(every_edge),
        f"{_SPECIFICATION}; cyclonus, expected against observed tables",
    ),
    _scenario(
        "edges-ingress-alone",
        "With every way out left open, what may come in is still exactly what the policies say.",
        "10",
        Claim(every_edge, Direction.INGRESS),
        f"{_SPECIFICATION}: a connection needs both ends to allow it",
        essential=False,
    ),
    _scenario(
        "edges-egress-alone",
        "With every way in left open, what may go out is still exactly what the policies say.",
        "10",
        Claim(every_edge, Direction.EGRESS),
        f"{_SPECIFICATION}: a connection needs both ends to allow it",
        essential=False,
    ),
    _scenario(
        "gateway-and-services",
        "The gateway calls every service; no service calls another, nor the gateway.",
        "10",
        Claim(gateway_and_services),
        _SPECIFICATION,
    ),
    _scenario(
        "own-database-only",
        "Over the network a database is reached by the service that owns it and by the exporter, and by nobody else.",
        "10",
        Claim(databases),
        _SPECIFICATION,
    ),
    _scenario(
        "broker-ports",
        "Services and gateway reach 5672 alone, monitoring the management and metrics ports, nodes each other's own.",
        "6",
        Claim(broker),
        "RabbitMQ documentation, Networking and Clustering: 4369 and 25672 are for nodes and tools only",
    ),
    _scenario(
        "cache-edges",
        "Redis is reached by the four services that the document gives it to, and by nobody else.",
        "8",
        Claim(cache),
        _SPECIFICATION,
        essential=False,
    ),
    _scenario(
        "store-edges",
        "The object store is reached by the three services that own buckets and by Prometheus, and by nobody else.",
        "7",
        Claim(object_store),
        _SPECIFICATION,
        essential=False,
    ),
    _scenario(
        "into-the-gateway",
        "The gateway is entered from the ingress controller's namespace alone, and nothing beside it is from there.",
        "10",
        Claim(into_the_gateway),
        _SPECIFICATION,
        essential=False,
    ),
    _scenario(
        "scraping",
        "Prometheus reaches the metrics port of what it scrapes inside the policies, and no other port there.",
        "9",
        Claim(scraping),
        _SPECIFICATION,
        essential=False,
    ),
)
