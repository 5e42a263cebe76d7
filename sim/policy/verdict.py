"""The oracle: is a new connection from here to there allowed, and which policy and rule decide.

What Kubernetes says (Network Policies, the API reference of networking.k8s.io/v1): policies are a union; a direction is
isolated as soon as one policy of that type selects the pod; both ends must allow. Beyond policies:

- a pod always reaches itself;
- a pod's node always reaches it: probes come from there. Packets of pods on the node's network are the node's. The
  other way round, to a node, is judged by addresses: stricter than Kubernetes asks, and what most networks do;
- replies belong to the connection they answer and need no rule of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.policy import matching
from sim.policy.matching import Address, Resolved, ResolvedRule, common_address, parsed_address
from sim.policy.objects import Cluster, Direction, Pod, Protocol, RuleRef

Place = Pod | str  # a pod, its namespace/name, or any IP address


@dataclass(frozen=True, slots=True)
class Ruling:
    """One direction of an edge. ``rule`` allowed it; with none, ``isolated_by`` tells an open pod from a closed one."""

    allowed: bool
    why: str
    rule: RuleRef | None = None
    isolated_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """An edge. ``egress`` is how its source's policies rule, ``ingress`` how its destination's do."""

    allowed: bool
    egress: Ruling
    ingress: Ruling

    @property
    def denied(self) -> tuple[Direction, ...]:
        rulings = ((Direction.EGRESS, self.egress), (Direction.INGRESS, self.ingress))
        return tuple(direction for direction, ruling in rulings if not ruling.allowed)

    @property
    def why(self) -> str:
        """``egress: shop/gateway egress[0]; ingress: denied, isolated by shop/deny-all and no rule allows it``."""
        return f"egress: {self.egress.why}; ingress: {self.ingress.why}"


_SELF = Ruling(allowed=True, why="a pod always reaches itself")
_NODE = Ruling(allowed=True, why="a node always reaches its pods")
_OUTSIDE = Ruling(allowed=True, why="not a pod that policies select")
_OPEN = Ruling(allowed=True, why="not isolated")

_Spans = tuple[tuple[int, int, Ruling], ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """One direction between two places: the first span that holds the port rules, else ``otherwise``."""

    otherwise: Ruling
    spans: dict[Protocol, _Spans]

    def ruling(self, protocol: Protocol, port: int) -> Ruling:
        for low, high, ruling in self.spans.get(protocol, ()):
            if low <= port <= high:
                return ruling
        return self.otherwise


@dataclass(frozen=True, slots=True)
class _End:
    """A place as policies see it. ``index`` is None for what is no pod that policies select."""

    index: int | None
    pod: Pod | None
    addresses: tuple[Address, ...]
    node: bool


class Oracle:
    """Answers for one cluster. Pairs of places are resolved when first asked about, and kept."""

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved
        cluster = resolved.cluster
        self._pods = {pod.full_name: _pod_end(index, pod) for index, pod in enumerate(cluster.pods)}
        self._nodes = frozenset(map(parsed_address, cluster.node_addresses))
        self._by_address = {
            address: end for end in self._pods.values() if end.index is not None for address in end.addresses
        }
        self._pairs: dict[tuple[str, str], tuple[_Table, _Table]] = {}

    def decide(self, source: Place, destination: Place, protocol: Protocol, port: int) -> Decision:
        """Raises KeyError for what is neither a pod of the cluster nor an address."""
        ends = (
            source if isinstance(source, str) else source.full_name,
            destination if isinstance(destination, str) else destination.full_name,
        )
        pair = self._pairs.get(ends)
        if pair is None:
            pair = self._pairs[ends] = self._resolve(self._end(ends[0]), self._end(ends[1]))
        egress, ingress = pair[0].ruling(protocol, port), pair[1].ruling(protocol, port)
        return Decision(egress.allowed and ingress.allowed, egress, ingress)

    def isolated_by(self, pod: Place, direction: Direction) -> tuple[str, ...]:
        """The policies that isolate ``pod`` in ``direction``; none when it is open."""
        end = self._end(pod if isinstance(pod, str) else pod.full_name)
        side = None if end.index is None else self._resolved.sides.get((end.index, direction))
        return () if side is None else side.isolated_by

    def _end(self, place: str) -> _End:
        if place in self._pods:
            return self._pods[place]
        try:
            address = parsed_address(place)
        except ValueError as error:
            raise KeyError(place) from error
        if address in self._by_address:
            end = self._by_address[address]
            return _End(end.index, end.pod, (address,), node=False)
        return _End(None, None, (address,), node=address in self._nodes)

    def _resolve(self, source: _End, destination: _End) -> tuple[_Table, _Table]:
        if source.index is not None and source.index == destination.index:
            return _always(_SELF), _always(_SELF)
        egress = self._table(source, Direction.EGRESS, destination, destination)
        ingress = self._table(destination, Direction.INGRESS, source, destination)
        if source.node and destination.index is not None:
            ingress = _always(_NODE)
        return egress, ingress

    def _table(self, subject: _End, direction: Direction, other: _End, destination: _End) -> _Table:
        if subject.index is None:
            return _always(_OUTSIDE)
        side = self._resolved.sides.get((subject.index, direction))
        if side is None:
            return _always(_OPEN)
        address = common_address(other.addresses, subject.addresses)
        rules = [rule for rule in side.rules if rule.matches_peer(other.index, address)]
        denied = Ruling(
            allowed=False,
            why=f"denied, isolated by {', '.join(side.isolated_by)} and no rule allows it",
            isolated_by=side.isolated_by,
        )
        allowed = [(rule, Ruling(True, str(rule.ref), rule.ref, side.isolated_by)) for rule in rules]  # noqa: FBT003
        return _Table(denied, {protocol: _spans(allowed, protocol, destination.pod) for protocol in Protocol})


def oracle_of(cluster: Cluster) -> Oracle:
    return Oracle(matching.resolve(cluster))


def _pod_end(index: int, pod: Pod) -> _End:
    addresses = tuple(map(parsed_address, pod.addresses))
    return _End(None if pod.host_network else index, pod, addresses, node=pod.host_network)


def _spans(rules: Iterable[tuple[ResolvedRule, Ruling]], protocol: Protocol, destination: Pod | None) -> _Spans:
    return tuple((low, high, ruling) for rule, ruling in rules for low, high in rule.spans(protocol, destination))


def _always(ruling: Ruling) -> _Table:
    return _Table(ruling, {})
