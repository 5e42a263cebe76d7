"""Network policies as manifests that ``kubectl apply -f`` takes: one file a namespace, ``networking.k8s.io/v1``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from sim.policy.objects import Direction, IPBlock, LabelSelector, NetworkPolicy, Peer, PortRule, Rule

ADDED = "sim/added"
"""The annotation of a policy that the document lacks: the contradiction, and why the platform needs it."""
SECTION = "sim/section"
_PEERS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}


def policy_files(policies: Iterable[NetworkPolicy]) -> Mapping[str, str]:
    """File name → text, in the order given."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for policy in policies:
        grouped.setdefault(policy.namespace, []).append(manifest(policy))
    return {
        f"{namespace}.yaml": yaml.safe_dump_all(documents, sort_keys=False, width=110)
        for namespace, documents in grouped.items()
    }


def manifest(policy: NetworkPolicy) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": policy.name, "namespace": policy.namespace}
    annotations = {SECTION: policy.source.removeprefix("section "), **({ADDED: policy.added} if policy.added else {})}
    metadata["annotations"] = {key: value for key, value in annotations.items() if value}
    spec: dict[str, Any] = {
        "podSelector": _selector(policy.pod_selector),
        "policyTypes": [direction.capitalize() for direction in policy.policy_types],
    }
    for direction in policy.policy_types:
        rules = policy.rules(direction)
        if rules:
            spec[direction.value] = [_rule(rule, direction) for rule in rules]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _rule(rule: Rule, direction: Direction) -> dict[str, Any]:
    peers = {_PEERS[direction]: [_peer(peer) for peer in rule.peers]} if rule.peers else {}
    return {**peers, **({"ports": [_port(port) for port in rule.ports]} if rule.ports else {})}


def _peer(peer: Peer) -> dict[str, Any]:
    if peer.ip_block is not None:
        return {"ipBlock": _block(peer.ip_block)}
    given = {"namespaceSelector": peer.namespace_selector, "podSelector": peer.pod_selector}
    return {key: _selector(selector) for key, selector in given.items() if selector is not None}


def _block(block: IPBlock) -> dict[str, Any]:
    return {"cidr": block.cidr, **({"except": list(block.excluded)} if block.excluded else {})}


def _port(port: PortRule) -> dict[str, Any]:
    fields = {"protocol": port.protocol.value, "port": port.port, "endPort": port.end_port}
    return {key: value for key, value in fields.items() if value is not None}


def _selector(selector: LabelSelector) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if selector.match_labels:
        found["matchLabels"] = dict(selector.match_labels)
    if selector.match_expressions:
        found["matchExpressions"] = [
            {
                "key": requirement.key,
                "operator": requirement.operator.value,
                **({"values": list(requirement.values)} if requirement.values else {}),
            }
            for requirement in selector.match_expressions
        ]
    return found
