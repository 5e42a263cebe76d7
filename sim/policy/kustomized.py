"""What a kustomization does to objects once they are read: another namespace, labels on objects and in selectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.policy.kustomizations import Source
from sim.policy.objects import LabelSelector, Namespace, NetworkPolicy, Peer, Rule
from sim.policy.workloads import Workload


def kustomized_namespace(namespace: Namespace, source: Source) -> Namespace:
    """Kustomize renames a Namespace, too."""
    if source == Source(source.file):
        return namespace
    return Namespace.named(source.namespace or namespace.name, {**namespace.labels, **dict(source.labels)})


def kustomized_workload(workload: Workload, source: Source) -> Workload:
    """The labels are on the pods already, as the workload's selector is checked against them."""
    if source.namespace is None:
        return workload
    pods = tuple(replace(pod, namespace=source.namespace) for pod in workload.pods)
    return replace(workload, namespace=source.namespace, pods=pods)


def kustomized_policy(policy: NetworkPolicy, source: Source) -> NetworkPolicy:
    labels = dict(source.labels)
    return replace(
        policy,
        namespace=source.namespace or policy.namespace,
        pod_selector=_labelled(policy.pod_selector, labels),
        ingress=tuple(_labelled_rule(rule, labels) for rule in policy.ingress),
        egress=tuple(_labelled_rule(rule, labels) for rule in policy.egress),
    )


def _labelled_rule(rule: Rule, labels: Mapping[str, str]) -> Rule:
    return replace(rule, peers=tuple(_labelled_peer(peer, labels) for peer in rule.peers))


def _labelled_peer(peer: Peer, labels: Mapping[str, str]) -> Peer:
    if peer.pod_selector is None:
        return peer
    return replace(peer, pod_selector=_labelled(peer.pod_selector, labels))


def _labelled(selector: LabelSelector, labels: Mapping[str, str]) -> LabelSelector:
    """Only where there are ``matchLabels`` already: kustomize makes none in a policy."""
    if not selector.match_labels:
        return selector
    return LabelSelector.of({**dict(selector.match_labels), **labels}, *selector.match_expressions)
