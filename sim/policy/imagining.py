"""Pods that policies speak of and manifests do not hold: one for each selector that selects nothing.

A folder of policies alone would otherwise give an empty table, and a rule for pods deployed elsewhere (an ingress
controller, the cluster's DNS) would not show at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from sim.policy.objects import (
    EVERYTHING,
    NAMESPACE_NAME_LABEL,
    Cluster,
    Direction,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Operator,
    Peer,
    Pod,
)

_ELSEWHERE = "elsewhere"
_LONG_NAME = 34
_TELLING = ("app.kubernetes.io/name", "app", "k8s-app", "name", "app.kubernetes.io/component", "component", "role")


def with_imagined(cluster: Cluster) -> tuple[Cluster, tuple[str, ...]]:
    """The cluster with the pods (without addresses) and namespaces that it lacks, and the full names of those pods."""
    imagined: list[str] = []
    # Where there are policies and no pods, one without labels shows what is closed to whoever is not named; where there
    # are no pods anywhere, one in a namespace of its own shows what is closed to other namespaces.
    bare = {policy.namespace for policy in cluster.policies} - {pod.namespace for pod in cluster.pods}
    strangers = [*sorted(bare), _ELSEWHERE] if bare and not cluster.pods else sorted(bare)
    wanted = [each for policy in cluster.policies for each in _spoken_of(policy)]
    # The most particular first: a pod that answers to all of its labels answers to some of them, too.
    wanted.sort(key=lambda each: -len(labels_for(each[1]) or ()))
    for where, pods in (*((namespace, EVERYTHING) for namespace in strangers), *wanted):
        cluster, name = _with_one(cluster, where, pods)
        imagined += [name] if name else []
    return cluster, tuple(imagined)


def labels_for(selector: LabelSelector) -> dict[str, str] | None:
    """Labels that ``selector`` matches; None when it contradicts itself."""
    labels = dict(selector.match_labels)
    for requirement in selector.match_expressions:
        if requirement.operator is Operator.IN and requirement.values:
            labels.setdefault(requirement.key, requirement.values[0])
        elif requirement.operator is Operator.EXISTS:
            labels.setdefault(requirement.key, "any")
    return labels if selector.matches(labels) else None


def _spoken_of(policy: NetworkPolicy) -> Iterator[tuple[str | LabelSelector, LabelSelector]]:
    """(namespace or which namespaces, which pods), for the policy's own selector and each of its peers'."""
    yield policy.namespace, policy.pod_selector
    peers: Iterator[Peer] = (peer for direction in Direction for rule in policy.rules(direction) for peer in rule.peers)
    for peer in peers:
        if peer.ip_block is None:
            yield peer.namespace_selector or policy.namespace, peer.pod_selector or EVERYTHING


def _with_one(cluster: Cluster, where: str | LabelSelector, pods: LabelSelector) -> tuple[Cluster, str]:
    candidates = [each for each in cluster.namespaces if _is(each, where)]
    names = {each.name for each in candidates}
    if any(pod.namespace in names and pods.matches(pod.labels) for pod in cluster.pods):
        return cluster, ""
    labels = labels_for(pods)
    namespace = candidates[0] if candidates else _imagined_namespace(where)
    if labels is None or namespace is None:
        return cluster, ""
    taken = [pod.name for pod in cluster.pods if pod.namespace == namespace.name]
    pod = Pod(_name(pods, labels, taken), namespace.name, labels)
    added = () if candidates else (namespace,)
    return replace(cluster, namespaces=(*cluster.namespaces, *added), pods=(*cluster.pods, pod)), pod.full_name


def _is(namespace: Namespace, where: str | LabelSelector) -> bool:
    return namespace.name == where if isinstance(where, str) else where.matches(namespace.labels)


def _imagined_namespace(where: str | LabelSelector) -> Namespace | None:
    if isinstance(where, str):
        return Namespace.named(where)
    labels = labels_for(where)
    if labels is None:
        return None
    named = Namespace.named(labels.get(NAMESPACE_NAME_LABEL, str(where)), labels)
    return named if where.matches(named.labels) else None


def _name(selector: LabelSelector, labels: Mapping[str, str], taken: Collection[str]) -> str:
    """Brackets, which no real name may have, tell it from one that is there.

    A long selector is told by its most telling label, where that tells it from the others.
    """
    full = f"[{selector}]" if labels else "[no labels]"
    if len(full) <= _LONG_NAME:
        return full
    key = next((key for key in _TELLING if key in labels), None)
    short = full if key is None else f"[{key.rpartition('/')[2]}={labels[key]},…]"
    return full if short in taken else short
