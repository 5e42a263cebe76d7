"""A plan as network policies see it: namespaces, labelled pods with their addresses, the node, the cluster's DNS."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sim.plan.model import Plan, ServerSpec
from sim.plan.policies import DNS_LABELS, DNS_NAMESPACE
from sim.policy.objects import Cluster, Namespace, NetworkPolicy, Pod, PodPort, Protocol

ENGINE_DNS = "127.0.0.11"
"""Where a container engine answers name queries inside every pod: it stands for the cluster's DNS."""
DNS_POD = Pod(
    "coredns",
    DNS_NAMESPACE,
    DNS_LABELS,
    (ENGINE_DNS,),
    (PodPort(53, Protocol.UDP, "dns"), PodPort(53, Protocol.TCP, "dns-tcp")),
)


def cluster_of(plan: Plan, policies: Iterable[NetworkPolicy] | None = None) -> Cluster:
    """Every pod of the plan under its own policies, or under others."""
    return cluster_on(plan.subnet, map(pod_of, plan.servers), plan.policies if policies is None else policies)


def cluster_on(subnet: str, pods: Iterable[Pod], policies: Iterable[NetworkPolicy]) -> Cluster:
    """Pods on one network of an engine, whose bridge is the node. A namespace exists that a pod or a policy is in."""
    everyone, rules = (DNS_POD, *pods), tuple(policies)
    named = dict.fromkeys((*(pod.namespace for pod in everyone), *(policy.namespace for policy in rules)))
    return Cluster(tuple(Namespace.named(name) for name in named), everyone, rules, (node_address(subnet),))


def with_pods(cluster: Cluster, pods: Sequence[Pod]) -> Cluster:
    """``cluster`` and others beside its own, whose namespaces come with them."""
    known = {namespace.name for namespace in cluster.namespaces}
    new = [Namespace.named(name) for name in dict.fromkeys(pod.namespace for pod in pods) if name not in known]
    return replace(cluster, namespaces=(*cluster.namespaces, *new), pods=(*cluster.pods, *pods))


def node_address(subnet: str) -> str:
    """The bridge's own address: clients on the host and kubelet's probes come from it."""
    return str(ipaddress.ip_network(subnet)[1])


def pod_of(server: ServerSpec) -> Pod:
    ports = tuple(PodPort(port.number, Protocol.TCP, port.name) for port in server.ports)
    return Pod(server.name, server.namespace, server.labels, (server.address,), ports)
