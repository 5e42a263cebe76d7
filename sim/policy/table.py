"""The expected table of a cluster: every pod and the world outside, to every pod and outside, port by port.

The ports of a destination are those it declares, those that policies name for it, and one that nobody speaks of, so
that a rule that is too wide shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sim.policy.matching import ALL_PORTS, Resolved, parsed_address, resolve
from sim.policy.objects import Cluster, Direction, NetworkPolicy, Pod, Protocol
from sim.policy.verdict import Decision, Oracle, Ruling

OUTSIDE = "203.0.113.1"  # an address that nobody has (RFC 5737): the world outside the cluster
_UNDECLARED_PORT = 61_234


@dataclass(frozen=True, slots=True, order=True)
class AskedPort:
    """``declared``: the pod declares it, or a policy names it for that pod."""

    protocol: Protocol
    port: int
    declared: bool

    def __str__(self) -> str:
        return f"{self.protocol} {self.port}" if self.declared else f"{self.protocol} {self.port} (undeclared)"


@dataclass(frozen=True, slots=True)
class Edge:
    """``source`` and ``destination`` are pods' full names or ``OUTSIDE``."""

    source: str
    destination: str
    asked: AskedPort
    decision: Decision


@dataclass(frozen=True, slots=True)
class Table:
    cluster: Cluster
    places: tuple[str, ...]
    edges: tuple[Edge, ...]


def expected_table(cluster: Cluster) -> Table:
    resolved = resolve(cluster)
    oracle = Oracle(resolved)
    places = (*(pod.full_name for pod in cluster.pods), OUTSIDE)
    asked = {place: asked_ports(resolved, place) for place in places}
    edges = tuple(
        Edge(source, destination, port, oracle.decide(source, destination, port.protocol, port.port))
        for source in places
        for destination in places
        if source != destination
        for port in asked[destination]
    )
    return Table(cluster, places, edges)


def asked_ports(resolved: Resolved, place: str) -> tuple[AskedPort, ...]:
    """In order; the undeclared port comes once for each protocol that is spoken there, and for TCP always."""
    index = next((i for i, pod in enumerate(resolved.cluster.pods) if pod.full_name == place), None)
    pod = None if index is None else resolved.cluster.pods[index]
    known = {(port.protocol, port.port) for port in pod.ports} if pod is not None else set()
    known |= set(_named_by_policies(resolved, index, pod))
    protocols = {protocol for protocol, _ in known} | {Protocol.TCP}
    undeclared = next(port for port in range(_UNDECLARED_PORT, 0, -1) if all(port != other for _, other in known))
    declared = [AskedPort(protocol, port, declared=True) for protocol, port in known]
    return tuple(
        sorted(declared, key=lambda asked: (asked.port, asked.protocol))
        + [AskedPort(protocol, undeclared, declared=False) for protocol in Protocol if protocol in protocols]
    )


def _named_by_policies(resolved: Resolved, index: int | None, pod: Pod | None) -> Iterator[tuple[Protocol, int]]:
    """The ends of each span of ports that a rule gives for the pod: going in to it, or out to it from elsewhere."""
    address = parsed_address(OUTSIDE if pod is None else pod.addresses[0]) if pod is None or pod.addresses else None
    for (subject, direction), side in resolved.sides.items():
        if (subject == index) is (direction is Direction.EGRESS):
            continue
        for rule in side.rules:
            if direction is Direction.EGRESS and not rule.matches_peer(index, address):
                continue
            for protocol in {port.protocol for port in rule.ports}:
                spans = (span for span in rule.spans(protocol, pod) if span != ALL_PORTS)
                yield from ((protocol, port) for span in spans for port in span)


def table_document(table: Table) -> dict[str, Any]:
    """The table as one JSON document."""
    cluster = table.cluster
    return {
        "schema": 1,
        "namespaces": [{"name": each.name, "labels": dict(each.labels)} for each in cluster.namespaces],
        "pods": [_pod_document(pod) for pod in cluster.pods],
        "policies": [_policy_document(policy, cluster) for policy in cluster.policies],
        "edges": [_edge_document(edge) for edge in table.edges],
    }


def _policy_document(policy: NetworkPolicy, cluster: Cluster) -> dict[str, Any]:
    """Each rule in words, in the order that ``edges`` count them."""
    return {
        "name": policy.full_name,
        "selects": [pod.full_name for pod in cluster.pods if policy.selects(pod)],
        "rules": {str(direction): list(map(str, policy.rules(direction))) for direction in policy.policy_types},
        "source": policy.source,
        "added": policy.added,
    }


def _pod_document(pod: Pod) -> dict[str, Any]:
    return {
        "name": pod.full_name,
        "labels": dict(pod.labels),
        "addresses": list(pod.addresses),
        "ports": [{"port": port.port, "protocol": str(port.protocol), "name": port.name} for port in pod.ports],
        "host_network": pod.host_network,
    }


def _edge_document(edge: Edge) -> dict[str, Any]:
    decision = edge.decision
    return {
        "source": edge.source,
        "destination": edge.destination,
        "protocol": str(edge.asked.protocol),
        "port": edge.asked.port,
        "declared": edge.asked.declared,
        "allowed": decision.allowed,
        "denied": [str(direction) for direction in decision.denied],
        "egress": _ruling_document(decision.egress),
        "ingress": _ruling_document(decision.ingress),
    }


def _ruling_document(ruling: Ruling) -> dict[str, Any]:
    rule = None if ruling.rule is None else {"policy": ruling.rule.policy, "index": ruling.rule.index}
    return {"allowed": ruling.allowed, "rule": rule, "isolated_by": list(ruling.isolated_by)}
