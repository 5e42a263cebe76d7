"""Which pods and addresses each rule speaks of: policies resolved against one cluster, once.

What decides an edge (``verdict``) and what enforces it (``nftables``) both start from here.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from sim.policy.objects import Cluster, Direction, IPBlock, Namespace, Peer, Pod, PortRule, Protocol, RuleRef

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Span = tuple[int, int]  # ports, both ends included

ALL_PORTS: Span = (0, 65535)


@dataclass(frozen=True, slots=True)
class Block:
    """An IPBlock, parsed."""

    network: Network
    excluded: tuple[Network, ...]

    def __contains__(self, address: Address) -> bool:
        return address in self.network and not any(address in network for network in self.excluded)


@dataclass(frozen=True, slots=True)
class ResolvedPeer:
    """``pods`` are indices into ``Cluster.pods``; a peer of addresses has a ``block`` instead."""

    peer: Peer
    pods: frozenset[int]
    block: Block | None = None

    def matches(self, pod: int | None, address: Address | None) -> bool:
        """``pod`` is None for what is no pod of the cluster; ``address`` is None where it is not known."""
        if self.block is not None:
            return address is not None and address in self.block
        return pod is not None and pod in self.pods


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """No ``peers``: every address. No ``ports``: every port of every protocol."""

    ref: RuleRef
    peers: tuple[ResolvedPeer, ...]
    ports: tuple[PortRule, ...]

    def matches_peer(self, pod: int | None, address: Address | None) -> bool:
        return not self.peers or any(peer.matches(pod, address) for peer in self.peers)

    def spans(self, protocol: Protocol, destination: Pod | None) -> tuple[Span, ...]:
        """The ports of ``protocol`` that the rule allows on ``destination``, which is None outside the cluster."""
        if not self.ports:
            return (ALL_PORTS,)
        return tuple(span for port in self.ports if port.protocol is protocol for span in port_spans(port, destination))


@dataclass(frozen=True, slots=True)
class Side:
    """What isolates one pod in one direction, and the rules that make holes in it: their union is allowed."""

    isolated_by: tuple[str, ...]  # full names of policies, at least one
    rules: tuple[ResolvedRule, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """``sides`` holds a pod's index and a direction only where the pod is isolated in it."""

    cluster: Cluster
    sides: dict[tuple[int, Direction], Side]


def port_spans(port: PortRule, destination: Pod | None) -> tuple[Span, ...]:
    """The numbers a port rule means on ``destination``. A name means what that pod calls so, for the same protocol."""
    match port.port:
        case None:
            return (ALL_PORTS,)
        case int(number):
            return ((number, number if port.end_port is None else port.end_port),)
        case name:
            declared = () if destination is None or destination.host_network else destination.ports
            numbers = {own.port for own in declared if own.name == name and own.protocol is port.protocol}
            return tuple((number, number) for number in sorted(numbers))


def resolve(cluster: Cluster) -> Resolved:
    resolver = _Resolver(cluster)
    by_policy = {
        (number, direction): resolver.rules(number, direction)
        for number in range(len(cluster.policies))
        for direction in cluster.policies[number].policy_types
    }
    sides: dict[tuple[int, Direction], Side] = {}
    for index, pod in enumerate(cluster.pods):
        selecting = [number for number, policy in enumerate(cluster.policies) if policy.selects(pod)]
        for direction in Direction:
            found = [number for number in selecting if direction in cluster.policies[number].policy_types]
            if found:
                sides[index, direction] = Side(
                    tuple(cluster.policies[number].full_name for number in found),
                    tuple(rule for number in found for rule in by_policy[number, direction]),
                )
    return Resolved(cluster, sides)


class _Resolver:
    """Peers repeat from rule to rule; each is looked up among the pods once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._namespaces = {namespace.name: namespace for namespace in cluster.namespaces}
        self._peers: dict[tuple[str, Peer], ResolvedPeer] = {}

    def rules(self, number: int, direction: Direction) -> tuple[ResolvedRule, ...]:
        policy = self._cluster.policies[number]
        return tuple(
            ResolvedRule(
                RuleRef(policy.full_name, direction, index),
                tuple(self._peer(policy.namespace, peer) for peer in rule.peers),
                rule.ports,
            )
            for index, rule in enumerate(policy.rules(direction))
        )

    def _peer(self, namespace: str, peer: Peer) -> ResolvedPeer:
        # Only a peer of pods alone depends on where its policy is.
        key = (namespace if peer.namespace_selector is None else "", peer)
        if key not in self._peers:
            self._peers[key] = self._looked_up(namespace, peer)
        return self._peers[key]

    def _looked_up(self, namespace: str, peer: Peer) -> ResolvedPeer:
        if peer.ip_block is not None:
            return ResolvedPeer(peer, frozenset(), parsed_block(peer.ip_block))
        names = self._selected_namespaces(namespace, peer)
        pods = frozenset(
            index
            for index, pod in enumerate(self._cluster.pods)
            if pod.namespace in names
            and not pod.host_network
            and (peer.pod_selector is None or peer.pod_selector.matches(pod.labels))
        )
        return ResolvedPeer(peer, pods)

    def _selected_namespaces(self, namespace: str, peer: Peer) -> frozenset[str]:
        if peer.namespace_selector is None:
            return frozenset({namespace})
        selector = peer.namespace_selector
        names = {pod.namespace for pod in self._cluster.pods}
        return frozenset(name for name in names if selector.matches(self._namespace(name).labels))

    def _namespace(self, name: str) -> Namespace:
        """One that nobody described has its own name for a label, as the API server would give it."""
        return self._namespaces.get(name) or Namespace.named(name)


@functools.lru_cache(maxsize=4096)
def parsed_block(block: IPBlock) -> Block:
    """Bits beyond the mask are ignored, as the API server ignores them."""
    return Block(
        ipaddress.ip_network(block.cidr, strict=False),
        tuple(ipaddress.ip_network(cidr, strict=False) for cidr in block.excluded),
    )


@functools.lru_cache(maxsize=16384)
def parsed_address(address: str) -> Address:
    return ipaddress.ip_address(address)


def common_address(own: Sequence[Address], other: Sequence[Address]) -> Address | None:
    """Which of ``own`` is met by who has ``other``: one of a family that both have, else the first, if any."""
    versions = {address.version for address in other}
    return next((address for address in own if address.version in versions), own[0] if own else None)
