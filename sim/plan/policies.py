"""The documented network policies (section 10) as NetworkPolicy objects: deny-all, then one pair for each rule.

A rule becomes an egress policy on who starts and an ingress policy on who is spoken to, each only where something
confines that end: the main namespace by deny-all, the broker by its own policy (section 6), the object store because a
rule that admits its users must shut others out. Monitoring is under no policy of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sim.plan.pod_labels import APP, COMPONENT, DATABASE, GATEWAY, MICROSERVICE, NAME
from sim.policy.objects import (
    EVERYTHING,
    NAMESPACE_NAME_LABEL,
    Direction,
    LabelSelector,
    NetworkPolicy,
    Operator,
    Peer,
    PortRule,
    Protocol,
    Requirement,
    Rule,
)
from sim.topology.cluster import NetworkRule
from sim.topology.model import EnvironmentName, Topology
from sim.topology.names import main_namespace

DNS_NAMESPACE = "kube-system"
DNS_LABELS = {"k8s-app": "kube-dns"}
_BOTH = (Direction.INGRESS, Direction.EGRESS)


@dataclass(frozen=True, slots=True)
class _Group:
    """Pods at one end of a rule. ``None``: every pod of the namespace."""

    namespace: str
    selector: LabelSelector | None

    def peer(self, seen_from: str) -> Peer:
        """As a policy in ``seen_from`` writes it."""
        if self.namespace == seen_from:
            return Peer(pod_selector=self.selector or EVERYTHING)
        return Peer(self.selector, LabelSelector.of({NAMESPACE_NAME_LABEL: self.namespace}))


@dataclass(frozen=True, slots=True)
class _Flow:
    """One rule, its ends resolved; ``suffix`` tells its policies from those of other flows of the same rule."""

    rule: NetworkRule
    sources: tuple[_Group, ...]
    destinations: tuple[_Group, ...]
    ports: tuple[PortRule, ...]
    suffix: str = ""


def documented_policies(
    topology: Topology, environment: EnvironmentName, store_metrics_port: int
) -> tuple[NetworkPolicy, ...]:
    """The document's namespace takes the environment's name (C21).

    ``store_metrics_port`` is where the object store that runs has its metrics, should it be a stand-in.
    """
    policies = topology.security.network_policies
    main = main_namespace(topology, environment)
    deny = NetworkPolicy(policies.default_deny, main, policy_types=_BOTH, source=f"section {policies.section}")
    groups = _groups(topology, main)
    confined = {Direction.EGRESS: {main, topology.broker.namespace}, Direction.INGRESS: _receiving(topology, main)}
    found = [deny]
    for rule in policies.rules:
        for flow in _flows(topology, main, rule, groups, store_metrics_port):
            found += _policies(flow, confined, _reason(topology, rule))
    return tuple(found)


def one_way(policies: Iterable[NetworkPolicy], direction: Direction) -> tuple[NetworkPolicy, ...]:
    """What they say of one direction, the other one left open: each wall can then be tried by itself."""
    return tuple(
        replace(
            policy,
            policy_types=(direction,),
            ingress=policy.rules(direction) if direction is Direction.INGRESS else (),
            egress=policy.rules(direction) if direction is Direction.EGRESS else (),
        )
        for policy in policies
        if direction in policy.policy_types
    )


def _receiving(topology: Topology, main: str) -> set[str]:
    return {main, topology.broker.namespace, topology.object_store.namespace}


def _groups(topology: Topology, main: str) -> Mapping[str, tuple[_Group, ...]]:
    monitoring = topology.monitoring
    broker = (_Group(topology.broker.namespace, LabelSelector.of({NAME: topology.broker.name})),)
    store = (_Group(topology.object_store.namespace, _app(topology.object_store.name)),)
    services = topology.services.values()

    def watching(name: str) -> tuple[_Group, ...]:
        return (_Group(monitoring.namespace, LabelSelector.of({NAME: name})),)

    return {
        "every-pod": (_Group(main, None), *broker),
        "cluster-dns": (_Group(DNS_NAMESPACE, LabelSelector.of(DNS_LABELS)),),
        "ingress-controller": (_Group(topology.ingress.namespace, None),),
        "gateway": (_Group(main, LabelSelector.of({COMPONENT: GATEWAY})),),
        "microservices": (_Group(main, LabelSelector.of({COMPONENT: MICROSERVICE})),),
        "broker": broker,
        "broker-nodes": broker,
        "cache": (_Group(main, _app(topology.cache.name)),),
        "cache-users": (_Group(main, _any_app(s.name for s in services if s.cache_use)),),
        "object-store": store,
        "object-store-metrics": store,
        "bucket-users": (_Group(main, _any_app(s.name for s in services if s.bucket)),),
        "tracing-users": (_Group(main, _any_app(_traced(topology))),),
        "jaeger": watching(topology.observability.jaeger.name),
        "fluentbit": watching(topology.observability.fluentbit.name),
        "prometheus": watching(monitoring.prometheus.name),
        "mysql-exporter": watching(monitoring.mysql_exporter.name),
        "databases": (_Group(main, LabelSelector.of({COMPONENT: DATABASE})),),
        "metrics-endpoints": (_Group(main, _one_of(COMPONENT, (GATEWAY, MICROSERVICE))),),
        "monitoring-namespace": (_Group(monitoring.namespace, None),),
    }


def _traced(topology: Topology) -> Iterator[str]:
    if topology.gateway.tracing:
        yield topology.gateway.name
    yield from (service.name for service in topology.services.values() if service.tracing)


def _app(name: str) -> LabelSelector:
    return LabelSelector.of({APP: name})


def _any_app(names: Iterable[str]) -> LabelSelector:
    return _one_of(APP, tuple(names))


def _one_of(key: str, values: tuple[str, ...]) -> LabelSelector:
    return LabelSelector((), (Requirement(key, Operator.IN, values),))


def _flows(
    topology: Topology,
    main: str,
    rule: NetworkRule,
    groups: Mapping[str, tuple[_Group, ...]],
    store_metrics_port: int,
) -> Iterator[_Flow]:
    """One, but for each service's own database, where each pair has one of its own."""
    numbers = (store_metrics_port,) if "object-store-metrics" in rule.destinations else rule.ports
    ports = tuple(PortRule(Protocol(protocol), number) for protocol in rule.protocols for number in numbers)
    if "own-database" in rule.destinations:
        for key, service in topology.services.items():
            if service.database:
                database = topology.databases[service.database].deployment
                pair = (_Group(main, _app(service.name)),), (_Group(main, _app(database)),)
                yield _Flow(rule, *pair, ports, f"-{key}")
        return
    sources = tuple(group for name in rule.sources for group in groups[name])
    yield _Flow(rule, sources, tuple(group for name in rule.destinations for group in groups[name]), ports)


def _policies(flow: _Flow, confined: Mapping[Direction, set[str]], added: str | None) -> Iterator[NetworkPolicy]:
    for direction, subjects, others in (
        (Direction.EGRESS, flow.sources, flow.destinations),
        (Direction.INGRESS, flow.destinations, flow.sources),
    ):
        for subject in subjects:
            if subject.namespace in confined[direction]:
                peers = tuple(dict.fromkeys(other.peer(subject.namespace) for other in others))
                rules = (Rule(peers, flow.ports),)
                yield NetworkPolicy(
                    name=f"{flow.rule.name}{flow.suffix}-{direction}",
                    namespace=subject.namespace,
                    pod_selector=subject.selector or EVERYTHING,
                    policy_types=(direction,),
                    ingress=rules if direction is Direction.INGRESS else (),
                    egress=rules if direction is Direction.EGRESS else (),
                    added=added,
                    source=f"section {flow.rule.section}",
                )


def _reason(topology: Topology, rule: NetworkRule) -> str | None:
    """Why the rule is there although the document has none."""
    contradictions = {c.id: f"{c.id}: {c.what}" for c in topology.contradictions}
    return contradictions[rule.resolves] if rule.resolves else None
