"""What one part of a topology says about another: names that must exist, and names that must differ.

Pure. Ownership and numbers have files of their own; :func:`reference_findings` asks them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import get_args

from sim.topology.consistency import alert_findings, port_findings, resource_findings, scrape_findings
from sim.topology.findings import Finding, duplicates, unknown
from sim.topology.model import EnvironmentName, Topology
from sim.topology.names import alertmanager_names, broker_node_names, pod_names, prometheus_names
from sim.topology.ownership import bucket_findings, database_findings, dependency_findings
from sim.topology.problems import Path

# Rows of the autoscaling table that are not a service's name.
GATEWAY = "gateway"
OTHERS = "others"


def reference_findings(topology: Topology) -> list[Finding]:
    """Everything the parts of ``topology`` disagree on; empty when they fit together."""
    checks = (
        database_findings,
        bucket_findings,
        dependency_findings,
        _namespaces,
        _environments,
        _names,
        _broker,
        _rows,
        _policies,
        port_findings,
        scrape_findings,
        alert_findings,
        resource_findings,
    )
    return list(chain.from_iterable(check(topology) for check in checks))


def _namespaces(topology: Topology) -> Iterator[Finding]:
    names = {namespace.name for namespace in topology.namespaces}
    named: tuple[tuple[Path, str], ...] = (
        (("broker", "namespace"), topology.broker.namespace),
        (("objectStore", "namespace"), topology.object_store.namespace),
        (("monitoring", "namespace"), topology.monitoring.namespace),
        (("ingress", "namespace"), topology.ingress.namespace),
    )
    for path, name in named:
        if name not in names:
            yield unknown(path, "namespace", name, sorted(names))
    entries = list(enumerate(topology.namespaces))
    yield from duplicates("namespace", ((n.name, ("namespaces", i, "name")) for i, n in entries))
    yield from duplicates("role", ((n.role, ("namespaces", i, "role")) for i, n in entries))
    if not any(namespace.role == "main" for namespace in topology.namespaces):
        yield Finding(("namespaces",), "expected one namespace with the role 'main', found none", at_key=True)


def _environments(topology: Topology) -> Iterator[Finding]:
    for name in get_args(EnvironmentName):
        if name not in topology.environments:
            yield Finding(("environments",), f"the environment '{name}' is missing", at_key=True)
    taken: list[tuple[str, Path]] = [
        (namespace.name, ("namespaces", index, "name"))
        for index, namespace in enumerate(topology.namespaces)
        if namespace.role != "main"
    ]
    own: list[tuple[str, Path]] = [
        (environment.namespace, ("environments", name, "namespace"))
        for name, environment in topology.environments.items()
    ]
    yield from duplicates("namespace", [*taken, *own])


def _names(topology: Topology) -> Iterator[Finding]:
    """Server, deployment and pod names share one name space: a container is called by its name alone."""
    monitoring, observability = topology.monitoring, topology.observability
    most = max((environment.replicas for environment in topology.environments.values()), default=1)
    claims: list[tuple[str, Path]] = [(n, ("gateway", "name")) for n in _deployed(topology.gateway.name, most)]
    claims += [(n, ("services", key, "name")) for key, s in topology.services.items() for n in _deployed(s.name, most)]
    claims += [(d.deployment, ("databases", name, "deployment")) for name, d in topology.databases.items()]
    claims += [(name, ("broker", "name")) for name in (topology.broker.name, *broker_node_names(topology))]
    claims += [(topology.object_store.name, ("objectStore", "name")), (topology.cache.name, ("cache", "name"))]
    prometheus, alertmanager = monitoring.prometheus.name, monitoring.alertmanager.name
    claims += [(n, ("monitoring", "prometheus", "name")) for n in (prometheus, *prometheus_names(topology))]
    claims += [(n, ("monitoring", "alertmanager", "name")) for n in (alertmanager, *alertmanager_names(topology))]
    claims += [
        (monitoring.node_exporter.name, ("monitoring", "nodeExporter", "name")),
        (monitoring.mysql_exporter.name, ("monitoring", "mysqlExporter", "name")),
        (observability.grafana.name, ("observability", "grafana", "name")),
        (observability.jaeger.name, ("observability", "jaeger", "name")),
        (observability.fluentbit.name, ("observability", "fluentBit", "name")),
    ]
    yield from duplicates("name", claims)
    servers = [name for name, _ in claims]
    if observability.fluentbit.sink not in servers:
        yield unknown(("observability", "fluentBit", "sink"), "server", observability.fluentbit.sink, servers)
    for reserved in (GATEWAY, OTHERS):
        if reserved in topology.services:
            message = f"'{reserved}' means something else in the autoscaling table: expected another name"
            yield Finding(("services", reserved), message, at_key=True)


def _deployed(name: str, replicas: int) -> tuple[str, ...]:
    """A Deployment's own name and those its pods take where it has several."""
    return tuple(dict.fromkeys((name, *pod_names(name, replicas))))


def _broker(topology: Topology) -> Iterator[Finding]:
    broker = topology.broker
    claims: list[tuple[str, Path]] = [
        (exchange.name, ("broker", "exchanges", index, "name")) for index, exchange in enumerate(broker.exchanges)
    ]
    yield from duplicates("exchange", [*claims, (broker.dead_letter_exchange, ("broker", "deadLetterExchange"))])
    yield from duplicates("plugin", ((plugin, ("broker", "plugins", i)) for i, plugin in enumerate(broker.plugins)))


def _rows(topology: Topology) -> Iterator[Finding]:
    """Tables about services and environments: each row names one that exists, once."""
    scalable = (GATEWAY, OTHERS, *topology.services)
    for index, row in enumerate(topology.autoscaling):
        if row.service not in scalable:
            yield unknown(("autoscaling", index, "service"), "service", row.service, scalable)
        if row.max_replicas < row.min_replicas:
            message = f"expected at least minReplicas ({row.min_replicas}), found {row.max_replicas}"
            yield Finding(("autoscaling", index, "maxReplicas"), message)
    protected = (GATEWAY, *topology.services)
    for index, budget in enumerate(topology.disruption_budgets):
        if budget.service not in protected:
            yield unknown(("disruptionBudgets", index, "service"), "service", budget.service, protected)
    rows = enumerate(topology.autoscaling)
    yield from duplicates("service", ((row.service, ("autoscaling", i, "service")) for i, row in rows))
    budgets = enumerate(topology.disruption_budgets)
    yield from duplicates("service", ((row.service, ("disruptionBudgets", i, "service")) for i, row in budgets))
    yield from duplicates(
        "environment", ((s.environment, ("gitops", i, "environment")) for i, s in enumerate(topology.gitops))
    )
    yield from duplicates("id", ((c.id, ("contradictions", i, "id")) for i, c in enumerate(topology.contradictions)))
    yield from duplicates("name", ((n.name, ("notSimulated", i, "name")) for i, n in enumerate(topology.not_simulated)))


def _policies(topology: Topology) -> Iterator[Finding]:
    known = [contradiction.id for contradiction in topology.contradictions]
    rules = topology.security.network_policies.rules
    root: Path = ("security", "networkPolicies", "rules")
    for index, rule in enumerate(rules):
        if rule.resolves is not None and rule.resolves not in known:
            yield unknown((*root, index, "resolves"), "contradiction", rule.resolves, known)
    yield from duplicates("rule", ((rule.name, (*root, index, "name")) for index, rule in enumerate(rules)))
    roles = topology.security.access_control.roles
    yield from duplicates(
        "role", ((r.name, ("security", "accessControl", "roles", i, "name")) for i, r in enumerate(roles))
    )
