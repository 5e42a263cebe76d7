"""How edges between pods are written down: one observation a pair of pods, the pods themselves, and the control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sim.history import Observation, only
from sim.policy.objects import Cluster, Namespace, Pod, PodPort, Protocol
from sim.policy.verdict import Decision
from sim.probing.model import NO_GREETING, NO_REPLY, Answer, Edge, Reach

PODS = "pods"
"""Every pod there is, with ``policed``: those in which policies are in force."""
EDGES = "edges"
"""``actor`` the source, ``target`` the target; ``found``: outcome → ``TCP 3306`` and on."""
COUNTERS = "counters"
"""``target`` the pod; ``packets``: what let them pass, or the direction in which they were dropped → how many."""
CANARY = "canary"
OPEN, CLOSED = "open", "closed"
SILENT = "silent"
"""Reached, but nothing came back: a server that was greeted said nothing, a datagram's reply did not arrive."""

Found = Mapping[Edge, str]
"""Edge → outcome: a Reach's value, or ``silent``."""


def pods_detail(cluster: Cluster, policed: Iterable[str]) -> dict[str, Any]:
    return {
        "pods": [
            {
                "name": pod.name,
                "namespace": pod.namespace,
                "labels": dict(pod.labels),
                "addresses": list(pod.addresses),
                "ports": [[port.port, port.protocol.value, port.name] for port in pod.ports],
            }
            for pod in cluster.pods
        ],
        "namespaces": {namespace.name: dict(namespace.labels) for namespace in cluster.namespaces},
        "nodes": list(cluster.node_addresses),
        "policed": sorted(policed),
    }


def pods_seen(observations: Iterable[Observation]) -> tuple[Cluster, frozenset[str]] | None:
    """(pods without policies, those that are policed) as last written; None when they never were."""
    seen = only(observations, PODS)
    if not seen:
        return None
    detail = seen[-1].detail
    pods = tuple(
        Pod(
            p["name"],
            p["namespace"],
            p["labels"],
            tuple(p["addresses"]),
            tuple(PodPort(number, Protocol(protocol), name) for number, protocol, name in p["ports"]),
        )
        for p in detail["pods"]
    )
    namespaces = tuple(Namespace(name, labels) for name, labels in detail["namespaces"].items())
    return Cluster(namespaces, pods, (), tuple(detail["nodes"])), frozenset(detail["policed"])


def outcome_of(answer: Answer) -> str:
    return SILENT if answer.evidence in {NO_GREETING, NO_REPLY} else answer.reach.value


def found_detail(answers: Mapping[Edge, Answer]) -> dict[str, Any]:
    """Of the edges of one pair of pods."""
    found: dict[str, list[str]] = {}
    for edge, answer in answers.items():
        found.setdefault(outcome_of(answer), []).append(f"{edge.protocol.value} {edge.port}")
    evidence = {answer.evidence for answer in answers.values() if answer.reach is Reach.PROBER_FAILED}
    return {"found": found, **({"evidence": min(evidence)[:200]} if evidence else {})}


def rules_detail(decisions: Mapping[Edge, Decision]) -> dict[str, Any]:
    """What decided about the edges of one pair: ``allowed: <out>; <in>`` or ``denied: <directions>`` → ports."""
    rules: dict[str, list[str]] = {}
    for edge, decision in decisions.items():
        if decision.allowed:
            rule = f"allowed: {decision.egress.rule or 'every way out'}; {decision.ingress.rule or 'every way in'}"
        else:
            rule = f"denied: {'; '.join(decision.denied)}"
        rules.setdefault(rule, []).append(f"{edge.protocol.value} {edge.port}")
    return {"rules": rules}


def edges_seen(observations: Iterable[Observation]) -> Found:
    """Asked twice with two outcomes, the one that got further counts."""
    table: dict[Edge, str] = {}
    for observation in only(observations, EDGES):
        for seen, places in observation.detail["found"].items():
            for place in places:
                protocol, _, port = place.partition(" ")
                edge = Edge(observation.actor, observation.target, Protocol(protocol), int(port))
                table[edge] = max(table.get(edge, seen), seen, key=_FURTHEST.index)
    return table


_FURTHEST = (
    Reach.PROBER_FAILED.value,
    Reach.NAME_NOT_FOUND.value,
    Reach.NO_ROUTE.value,
    Reach.DROPPED.value,
    Reach.REFUSED.value,
    SILENT,
    Reach.CONNECTED.value,
)
