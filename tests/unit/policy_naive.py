"""A second reading of the Kubernetes API reference, straight from manifests: slow, plain, sharing no code with ours.

Each function's docstring is what the reference of networking.k8s.io/v1, or the page Network Policies, says of it.
IPv4 alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
NAME_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Connection:
    """From an address to an address, which may be a pod's."""

    source: str
    destination: str
    protocol: str
    port: int


@dataclass
class NaiveCluster:
    namespaces: list[Manifest]
    pods: list[Manifest]
    policies: list[Manifest]
    node: str

    def allows(self, connection: Connection) -> bool:
        """Both the egress policies of the source and the ingress policies of the destination must allow it.

        A pod cannot block access to itself; traffic from the node where a pod runs is always allowed.
        """
        source, destination = self.pod_at(connection.source), self.pod_at(connection.destination)
        if source is not None and source is destination:
            return True
        if source is not None and not self.lets_through("Egress", source, connection):
            return False
        if destination is None or connection.source == self.node:
            return True
        return self.lets_through("Ingress", destination, connection)

    def pod_at(self, address: str) -> Manifest | None:
        for pod in self.pods:
            if pod["status"]["podIP"] == address:
                return pod
        return None

    def lets_through(self, kind: str, pod: Manifest, connection: Connection) -> bool:
        """A pod that no policy of this type selects is not isolated: all is allowed.

        Otherwise what the rules of any of those policies allow is allowed: their effects add up.
        """
        applying = [policy for policy in self.policies if applies(policy, kind, pod)]
        if not applying:
            return True
        for policy in applying:
            for rule in policy["spec"].get("ingress" if kind == "Ingress" else "egress") or []:
                peer_matches = self.is_from_or_to(kind, rule, policy["metadata"]["namespace"], connection)
                if peer_matches and self.is_on_ports(rule, connection):
                    return True
        return False

    def is_from_or_to(self, kind: str, rule: Manifest, namespace: str, connection: Connection) -> bool:
        """Items in the list are alternatives. If it is empty or missing, the rule matches every source."""
        peers = rule.get("from" if kind == "Ingress" else "to")
        if not peers:
            return True
        other = connection.source if kind == "Ingress" else connection.destination
        for peer in peers:
            if "ipBlock" in peer:
                if in_block(other, peer["ipBlock"]):
                    return True
            elif self.is_selected(peer, namespace, self.pod_at(other)):
                return True
        return False

    def is_selected(self, peer: Manifest, policy_namespace: str, pod: Manifest | None) -> bool:
        """With both selectors, the selected pods of the selected namespaces.

        podSelector alone selects pods of the policy's own namespace; namespaceSelector alone selects all pods of the
        selected namespaces.
        """
        if pod is None:
            return False
        where = pod["metadata"]["namespace"]
        if "namespaceSelector" in peer:
            in_namespace = selects(peer["namespaceSelector"], self.labels_of_namespace(where))
        else:
            in_namespace = where == policy_namespace
        if "podSelector" in peer:
            return in_namespace and selects(peer["podSelector"], pod["metadata"]["labels"])
        return in_namespace

    def labels_of_namespace(self, name: str) -> dict[str, str]:
        """The control plane sets a label with the namespace's name on every namespace."""
        labels = {}
        for namespace in self.namespaces:
            if namespace["metadata"]["name"] == name:
                labels = dict(namespace["metadata"]["labels"])
        labels[NAME_LABEL] = name
        return labels

    def is_on_ports(self, rule: Manifest, connection: Connection) -> bool:
        """Items in the list are alternatives. If it is empty or missing, the rule matches all traffic, on any port."""
        ports = rule.get("ports")
        if not ports:
            return True
        for port in ports:
            # The protocol which traffic must match; TCP where it is not specified.
            if port.get("protocol", "TCP") == connection.protocol and self.is_on_port(port, connection):
                return True
        return False

    def is_on_port(self, port: Manifest, connection: Connection) -> bool:
        """A numerical or named port on a pod; all ports where it is not given; from port to endPort, inclusive."""
        wanted = port.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str):
            return connection.port in self.ports_called(wanted, connection)
        last = port.get("endPort", wanted)
        return bool(wanted <= connection.port <= last)

    def ports_called(self, name: str, connection: Connection) -> list[int]:
        numbers = []
        target = self.pod_at(connection.destination)
        for container in [] if target is None else target["spec"]["containers"]:
            for declared in container["ports"]:
                if declared.get("name") == name and declared.get("protocol", "TCP") == connection.protocol:
                    numbers.append(declared["containerPort"])  # noqa: PERF401 - as plain as can be
        return numbers


def applies(policy: Manifest, kind: str, pod: Manifest) -> bool:
    """The policy selects the pod, in its own namespace, and has the type.

    Where no types are given: Ingress always, and Egress where the policy has any egress rules.
    """
    if policy["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    if not selects(policy["spec"]["podSelector"], pod["metadata"]["labels"]):
        return False
    types = policy["spec"].get("policyTypes")
    if types:
        return kind in types
    return kind == "Ingress" or bool(policy["spec"].get("egress"))


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Labels and expressions are ANDed. An empty label selector matches all objects."""
    for key, value in selector.get("matchLabels", {}).items():
        if key not in labels or labels[key] != value:
            return False
    return all(is_fulfilled(expression, labels) for expression in selector.get("matchExpressions", []))


def is_fulfilled(expression: Manifest, labels: dict[str, str]) -> bool:
    """NotIn also selects what has no label of that key."""
    key, operator = expression["key"], expression["operator"]
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator == "In":
        return key in labels and labels[key] in expression["values"]
    return key not in labels or labels[key] not in expression["values"]


def in_block(address: str, block: Manifest) -> bool:
    """Within the CIDR, and within none of the CIDRs that should not be included."""
    if not in_cidr(address, block["cidr"]):
        return False
    return not any(in_cidr(address, excepted) for excepted in block.get("except", []))


def in_cidr(address: str, cidr: str) -> bool:
    network, _, length = cidr.partition("/")
    ignored = 32 - int(length)
    return number_of(address) >> ignored == number_of(network) >> ignored


def number_of(address: str) -> int:
    value = 0
    for part in address.split("."):
        value = value * 256 + int(part)
    return value
