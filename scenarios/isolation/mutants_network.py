"""Every policy and rule of the network, changed one at a time in every pod, and whether a probe of its edges notices.

A connection needs both ends to allow it, so that one end opened alone shows nothing: each direction's policies are
tried by themselves, with the other direction left open. Of the edges that a change decides otherwise, by the oracle, a
few are asked; a change that decides no edge otherwise is no mutant, and is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from scenarios.isolation.asking_edges import ask, write
from scenarios.isolation.canary import close_and_open
from scenarios.isolation.edges import CANARY_PORT, EVERYONE, visitors
from scenarios.isolation.mutant import Mutant, play
from sim.checks.edge_observations import PODS, pods_detail
from sim.checks.edge_selections import every_edge, node_edges
from sim.checks.edges import expected_edges, judge_asked, policies_of
from sim.checks.mutants import EQUIVALENT, Mutations
from sim.history import Outcome
from sim.plan.policies import one_way
from sim.policy.loosening import Loosening, loosenings
from sim.policy.objects import Cluster, Direction, NetworkPolicy, Pod, Protocol
from sim.policy.verdict import oracle_of
from sim.probing.model import Edge, Question
from sim.probing.network import PodNetwork
from sim.scenario import Scenario, Stage

_TIMEOUT_S = 0.7
_ASKED = 3
_ELSEWHERE = "default"
_CHECKS = {Direction.INGRESS: "edges, ingress alone", Direction.EGRESS: "edges, egress alone"}


@dataclass(frozen=True, slots=True)
class _Wall:
    """One direction's policies on a live network. ``base`` is the cluster under all of them, unchanged."""

    stage: Stage
    network: PodNetwork
    direction: Direction
    base: Cluster

    def changed(self, policies: Sequence[NetworkPolicy]) -> Cluster:
        return self.base.with_policies(one_way(policies, self.direction))

    def probe(self, edges: Sequence[Edge], stage: Stage) -> None:
        questions = [Question(edge) for edge in (*node_edges(edges), *edges)]
        write(stage, ask(self.network, questions, _TIMEOUT_S))

    def control(self, edges: Sequence[Edge], stage: Stage) -> None:
        """Nothing changed: the canary both ways, and every edge that some mutant will change."""
        self.network.enforce(self.base)
        stage.record(PODS, "", Outcome.OK, **pods_detail(self.network.cluster, self.network.counters()))
        ingress, stranger = (pod.full_name for pod in visitors(stage))
        close_and_open(stage, self.network, Edge(stranger, ingress, Protocol.TCP, CANARY_PORT), _TIMEOUT_S)
        self.probe(edges, stage)


def _strange(stage: Stage) -> tuple[Pod, ...]:
    """Pods without which some changes would change nothing; a stack's network has room for a few.

    One that no rule speaks of, in the namespace that is closed by default: only that default keeps it apart. And a
    service and a database, by their labels, where neither has any business: only a namespace selector tells them apart.
    """
    newcomer = Pod("newcomer", stage.plan.namespace, {"app": "newcomer"})
    owner = next(service for service in stage.topology.services.values() if service.database)
    database = stage.topology.databases[str(owner.database)].deployment
    likened = {server.app: server.labels for server in stage.plan.servers if server.app in {owner.name, database}}
    return (newcomer, *(Pod(f"like-{app}", _ELSEWHERE, labels) for app, labels in likened.items()))


def rehearse(stage: Stage) -> None:
    with stage.control.network((*visitors(stage), *_strange(stage))) as network:
        policed = network.cluster
        if not network.counters():
            stage.record(PODS, "", Outcome.OK, **pods_detail(policed, ()))
            return
        images = {server.image.component: server.image for server in stage.plan.servers}
        policies = policies_of(stage.topology, stage.plan.environment, images)
        for direction in Direction:
            wall = _Wall(stage, network, direction, policed.with_policies(one_way(policies, direction)))
            _one_wall(wall, policies)


def _one_wall(wall: _Wall, policies: Sequence[NetworkPolicy]) -> None:
    """The control, each mutant of one direction, the control again."""
    edges = [e for e in every_edge(wall.base, wall.stage.topology) if e.protocol is Protocol.TCP]
    wall.stage.rng.shuffle(edges)
    was = {edge: decision.allowed for edge, decision in expected_edges(wall.base, edges).items()}
    told = [(change, _telling(wall, change, was)) for change in _of(wall.direction, policies)]
    live = [(change, asked) for change, asked in told if asked]
    names = [change.name for change, asked in told if not asked]
    wall.stage.record(EQUIVALENT, wall.direction.value, Outcome.OK, names=names)
    everything = tuple(dict.fromkeys(edge for _, asked in live for edge in asked))
    check = _CHECKS[wall.direction]
    mutants = (_mutant(wall, check, change, asked) for change, asked in live)
    play(wall.stage, {check: partial(wall.control, everything)}, mutants)


def _of(direction: Direction, policies: Sequence[NetworkPolicy]) -> Iterator[Loosening]:
    """Changes of what policies say of one direction; a change of a selector is one of each of its directions."""
    alone = one_way(policies, direction)
    for change in loosenings(alone):
        yield Loosening(f"{change.name} ({direction})", change.operator, change.policies)


def _telling(wall: _Wall, change: Loosening, was: Mapping[Edge, bool]) -> tuple[Edge, ...]:
    """The first edges, in the order drawn, that the change decides otherwise; none when there is none of them all."""
    kept = set(wall.base.policies) & set(change.policies)
    differing = [policy for policy in (*wall.base.policies, *change.policies) if policy not in kept]
    selected = {pod.full_name for pod in wall.base.pods if any(policy.selects(pod) for policy in differing)}
    inwards = wall.direction is Direction.INGRESS
    touched = (edge for edge in was if (edge.target if inwards else edge.source) in selected)
    oracle = oracle_of(wall.changed(change.policies))
    flipped = (e for e in touched if was[e] is not oracle.decide(e.source, e.target, e.protocol, e.port).allowed)
    return tuple(islice(flipped, _ASKED))


def _mutant(wall: _Wall, check: str, change: Loosening, edges: Sequence[Edge]) -> Mutant:
    return Mutant(
        change.name,
        change.operator,
        wall.direction.value,
        partial(wall.network.enforce, wall.changed(change.policies)),
        _replaced,
        {check: partial(wall.probe, edges)},
    )


def _replaced() -> None:
    """Policies come in force all at once: the next mutant's, or the control's, leave nothing of this one's behind."""


NETWORK_MUTATIONS = Scenario(
    name="isolation/mutations-network",
    claim="Whichever single network policy or rule is changed, a probe of the edges it decides turns FAIL.",
    section="10",
    needs=EVERYONE,
    rehearse=rehearse,
    judge=Mutations({check: partial(judge_asked, direction) for direction, check in _CHECKS.items()}),
    essential=False,
    source="mutation testing; Kubernetes documentation, Network Policies",
)
