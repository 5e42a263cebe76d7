"""Pod networks in memory: packets go as the policies in force say, and a test may make them go otherwise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sim.errors import RigError
from sim.plan.cluster import DNS_POD
from sim.policy.counters import Counters, Tally
from sim.policy.nftables import Established
from sim.policy.objects import Cluster, Direction, Protocol, RuleRef
from sim.policy.verdict import Decision, Oracle, oracle_of
from sim.probing.model import NO_GREETING, NODE, Answer, Edge, Listener, Question, Reach

Distort = Callable[[Cluster], Cluster]
_DEAD = Answer(Reach.PROBER_FAILED, 0.0, "The prober has died.")


@dataclass(slots=True)
class Flaws:
    """How modelled networks misbehave; nothing by default.

    ``distort`` changes what is put in force into something else; ``unfiltered`` pods let everything in and out, as one
    whose table was lost; ``fresh_unfiltered`` does so for what a container sends first; ``cut_established`` and
    ``keep_established`` have flows treated alike whatever was asked; ``prober_lives`` is how many questions it answers.
    """

    distort: Distort | None = None
    unfiltered: Collection[str] = ()
    fresh_unfiltered: bool = False
    replies_lost: bool = False
    cut_established: bool = False
    keep_established: bool = False
    dns_unruled: bool = False
    node_shut_out_by_policies: bool = False
    loopback_shut: bool = False
    prober_lives: int | None = None


@dataclass(slots=True)
class FakePodNetwork:
    """``answers`` says of (pod, port) whether the stack listens there, and ``silent`` whether it then says nothing."""

    cluster: Cluster
    flaws: Flaws
    answers: Callable[[str, int], bool]
    silent: Callable[[str], bool] = lambda _: False
    in_force: Cluster | None = None
    changed: bool = False
    _established: Established = Established.SURVIVES
    _listeners: set[Listener] = field(default_factory=set)
    _flows: dict[Edge, Answer] = field(default_factory=dict)
    _oracle: Oracle | None = None
    _allowed: dict[str, dict[RuleRef, int]] = field(default_factory=dict)
    _dropped: dict[str, dict[Direction, int]] = field(default_factory=dict)

    def enforce(self, cluster: Cluster, established: Established = Established.SURVIVES) -> None:
        self.changed = True
        self.cluster, self._established = cluster, established
        self.in_force = self.flaws.distort(cluster) if self.flaws.distort else cluster
        self._oracle = oracle_of(self.in_force)
        self._allowed, self._dropped = {}, {}

    def lift(self) -> None:
        self.changed = True
        self.in_force = self._oracle = None

    def counters(self) -> Mapping[str, Counters]:
        if self.in_force is None or self._oracle is None:
            return {}
        return {pod.full_name: self._counters(pod.full_name) for pod in self.in_force.pods if pod is not DNS_POD}

    def _counters(self, pod: str) -> Counters:
        oracle = self._oracle or oracle_of(self.cluster)
        dropped = self._dropped.get(pod, {})
        return Counters(
            {ref: Tally(packets) for ref, packets in self._allowed.get(pod, {}).items()},
            {d: Tally(dropped.get(d, 0)) for d in Direction if oracle.isolated_by(pod, d)},
            Tally(),
        )

    def probe(self, questions: Sequence[Question], timeout_s: float) -> tuple[Answer, ...]:
        del timeout_s
        return tuple(self._answer(question.edge, question.hello) for question in questions)

    def first_packets(self, pod: str, questions: Sequence[Question], timeout_s: float) -> tuple[Answer, ...]:
        del pod
        return tuple(self._answer(q.edge, q.hello, fresh=True) for q in questions) if timeout_s else ()

    def _answer(self, edge: Edge, hello: str | None, *, fresh: bool = False) -> Answer:
        if self._prober_is_dead():
            return _DEAD
        loopback = edge.target.startswith("127.")
        passes = not self.flaws.loopback_shut if loopback else self._passes(edge, fresh=fresh)
        if not passes or (self.flaws.replies_lost and edge.source != NODE and not loopback):
            return Answer(Reach.DROPPED, 1000.0, "no answer")
        target = self._target(edge)
        listening = Listener(target, edge.protocol, edge.port) in self._listeners
        if listening or (edge.protocol is Protocol.TCP and self.answers(target, edge.port)):
            said = NO_GREETING if self.silent(target) else "greeting"
            return Answer(Reach.CONNECTED, 0.2, "" if hello is None else said)
        return Answer(Reach.REFUSED, 0.2, "Connection refused")

    def _prober_is_dead(self) -> bool:
        if self.flaws.prober_lives is not None:
            self.flaws.prober_lives -= 1
        return self.flaws.prober_lives is not None and self.flaws.prober_lives < 0

    def _target(self, edge: Edge) -> str:
        if edge.target.startswith("127."):
            return edge.source
        if "/" in edge.target:
            return edge.target
        return next((p.full_name for p in self.cluster.pods if edge.target in p.addresses), edge.target)

    def _passes(self, edge: Edge, *, fresh: bool = False) -> bool:
        if self._oracle is None or self.in_force is None:
            return True
        node = edge.source == NODE
        if node and self.flaws.node_shut_out_by_policies and self._oracle.isolated_by(edge.target, Direction.INGRESS):
            return False
        source = self.in_force.node_addresses[0] if node else edge.source
        decision = self._oracle.decide(source, edge.target, edge.protocol, edge.port)
        self._count(edge, decision)
        untouched = {edge.source, edge.target} & set(self.flaws.unfiltered)
        return decision.allowed or bool(untouched) or (fresh and self.flaws.fresh_unfiltered)

    def _count(self, edge: Edge, decision: Decision) -> None:
        for pod, direction, ruling in (
            (edge.source, Direction.EGRESS, decision.egress),
            (edge.target, Direction.INGRESS, decision.ingress),
        ):
            if ruling.rule is not None:
                counted = self._allowed.setdefault(pod, {})
                counted[ruling.rule] = counted.get(ruling.rule, 0) + 1
            if not ruling.allowed:
                drops = self._dropped.setdefault(pod, {})
                drops[direction] = drops.get(direction, 0) + 1
                return  # what the source's filter takes never comes to the target's

    @contextmanager
    def listening(self, listeners: Sequence[Listener]) -> Iterator[None]:
        taken = [x for x in listeners if x.protocol is Protocol.TCP and self.answers(x.pod, x.port)]
        if taken:
            raise RigError(f"No listener in {taken[0].pod} on {taken[0].protocol} {taken[0].port}.")
        self._listeners = set(listeners)
        try:
            yield
        finally:
            self._listeners = set()

    def resolve(self, pod: str, name: str, protocol: Protocol, timeout_s: float) -> Answer:
        if self._prober_is_dead():
            return _DEAD
        if not self.flaws.dns_unruled and not self._passes(Edge(pod, DNS_POD.full_name, protocol, 53)):
            return Answer(Reach.DROPPED, timeout_s * 1000, "no answer")
        wanted = ".".join(name.split(".")[:2])
        found = [p.addresses[0] for p in self.cluster.pods if f"{p.name}.{p.namespace}" == wanted]
        return Answer(Reach.CONNECTED if found else Reach.NAME_NOT_FOUND, 1.0, " ".join(found))

    def open_flow(self, edge: Edge, timeout_s: float) -> Answer:
        del timeout_s
        self._flows[edge] = self._answer(edge, "")
        return self._flows[edge]

    def ask_flow(self, edge: Edge, timeout_s: float) -> Answer:
        if edge not in self._flows:
            return Answer(Reach.PROBER_FAILED, 0.0, f"no open connection {edge}")
        strict = (self._established is Established.CUT or self.flaws.cut_established) and not (
            self.flaws.keep_established
        )
        if strict and not self._passes(edge):
            return Answer(Reach.DROPPED, timeout_s * 1000, "no answer")
        return Answer(Reach.CONNECTED, 0.1, "still there?")
