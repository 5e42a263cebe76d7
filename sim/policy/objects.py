"""The objects a network policy speaks of, as frozen values.

The names are those of ``networking.k8s.io/v1``. Two departures: a field that the API lets be null, empty or omitted
with one meaning has one spelling here (an empty tuple), and ``policyTypes`` are resolved, never guessed later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


class Direction(StrEnum):
    """As seen from the pod that a policy selects."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Protocol(StrEnum):
    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class Operator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One entry of ``matchExpressions``; ``values`` is empty for Exists and DoesNotExist."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value is not None and value in self.values
            case Operator.NOT_IN:  # a label that is not there is not in the set
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None

    def __str__(self) -> str:
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
            case _:
                word = "in" if self.operator is Operator.IN else "notin"
                return f"{self.key} {word} ({','.join(self.values)})"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must hold; an empty selector matches everything."""

    match_labels: tuple[tuple[str, str], ...] = ()
    match_expressions: tuple[Requirement, ...] = ()

    @classmethod
    def of(cls, labels: Mapping[str, str] | None = None, *expressions: Requirement) -> LabelSelector:
        return cls(tuple(sorted((labels or {}).items())), tuple(expressions))

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in self.match_labels) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )

    def __str__(self) -> str:
        """As kubectl writes it: ``app=web,tier in (a,b)``; ``*`` for everything."""
        parts = [f"{key}={value}" for key, value in self.match_labels]
        return ",".join([*parts, *map(str, self.match_expressions)]) or "*"


EVERYTHING = LabelSelector()


@dataclass(frozen=True, slots=True)
class IPBlock:
    """Addresses inside ``cidr`` and inside none of ``excluded`` (the API's ``except``)."""

    cidr: str
    excluded: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.cidr} except {', '.join(self.excluded)}" if self.excluded else self.cidr


@dataclass(frozen=True, slots=True)
class Peer:
    """Pods by selectors, or addresses by ``ip_block``; never both.

    ``pod_selector`` alone means pods of the policy's own namespace; ``namespace_selector`` alone means every pod of the
    selected namespaces; both mean the selected pods of the selected namespaces.
    """

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None

    def __str__(self) -> str:
        if self.ip_block is not None:
            return str(self.ip_block)
        parts = [] if self.namespace_selector is None else [f"namespaces {self.namespace_selector}"]
        parts += [] if self.pod_selector is None else [f"pods {self.pod_selector}"]
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class PortRule:
    """``port`` is a number, the name of a port of the destination pod, or None for every port of the protocol."""

    protocol: Protocol = Protocol.TCP
    port: int | str | None = None
    end_port: int | None = None

    def __str__(self) -> str:
        port = "*" if self.port is None else f"{self.port}"
        return f"{self.protocol} {port}" if self.end_port is None else f"{self.protocol} {port}-{self.end_port}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Any of ``peers`` on any of ``ports``. No peers: every address. No ports: every port of every protocol."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[PortRule, ...] = ()

    def __str__(self) -> str:
        """``pods app=web or 10.0.0.0/8, on TCP 80, UDP *``."""
        peers = " or ".join(map(str, self.peers)) or "any address"
        return f"{peers}, on {', '.join(map(str, self.ports)) or 'every port'}"


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """``policy_types`` are the directions in which a selected pod is isolated.

    ``added`` is the reason when the policy is not in the document; ``source`` says where it was read, for a reader.
    """

    name: str
    namespace: str
    pod_selector: LabelSelector = EVERYTHING
    policy_types: tuple[Direction, ...] = (Direction.INGRESS,)
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    added: str | None = None
    source: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    def rules(self, direction: Direction) -> tuple[Rule, ...]:
        """The rules that count: none in a direction that ``policy_types`` leaves out."""
        if direction not in self.policy_types:
            return ()
        return self.ingress if direction is Direction.INGRESS else self.egress

    def selects(self, pod: Pod) -> bool:
        return not pod.host_network and pod.namespace == self.namespace and self.pod_selector.matches(pod.labels)


@dataclass(frozen=True, slots=True)
class RuleRef:
    """Names one rule of one policy: what decides an edge, and what a packet counter counts."""

    policy: str  # namespace/name
    direction: Direction
    index: int

    def __str__(self) -> str:
        return f"{self.policy} {self.direction}[{self.index}]"


@dataclass(frozen=True, slots=True)
class PodPort:
    """A port that a pod declares; ``name`` is what a policy may call it."""

    port: int
    protocol: Protocol = Protocol.TCP
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """``addresses`` may hold one IPv4 and one IPv6 address. A pod on its node's network is part of the node."""

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    addresses: tuple[str, ...] = ()
    ports: tuple[PodPort, ...] = ()
    host_network: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """``labels`` always hold the name's own label, as the API server sets it: make one with ``named``."""

    name: str
    labels: Mapping[str, str] = field(hash=False)

    @classmethod
    def named(cls, name: str, labels: Mapping[str, str] | None = None) -> Namespace:
        return cls(name, {**(labels or {}), NAMESPACE_NAME_LABEL: name})


@dataclass(frozen=True, slots=True)
class Cluster:
    """Pods and policies, their namespaces, and the addresses of the nodes, from which probes come."""

    namespaces: tuple[Namespace, ...] = ()
    pods: tuple[Pod, ...] = ()
    policies: tuple[NetworkPolicy, ...] = ()
    node_addresses: tuple[str, ...] = ()

    def pod(self, full_name: str) -> Pod:
        """Raises KeyError when there is none of that ``namespace/name``."""
        for pod in self.pods:
            if pod.full_name == full_name:
                return pod
        raise KeyError(full_name)

    def with_policies(self, policies: Iterable[NetworkPolicy]) -> Cluster:
        return Cluster(self.namespaces, self.pods, tuple(policies), self.node_addresses)


def resolved_policy_types(*, has_egress_rules: bool) -> tuple[Direction, ...]:
    """What an omitted or empty ``policyTypes`` means: Ingress always, Egress only where there are egress rules."""
    return (Direction.INGRESS, Direction.EGRESS) if has_egress_rules else (Direction.INGRESS,)
