"""Numbers and routes that must agree: ports of one server, what is scraped, where alerts go, requests within limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sim.topology.fields import Resources
from sim.topology.findings import Finding, duplicates
from sim.topology.model import Topology
from sim.topology.problems import Path, shown
from sim.topology.quantities import format_cpu, format_memory


def port_findings(topology: Topology) -> Iterator[Finding]:
    """A port number serves one purpose on one server."""
    broker, store, gateway = topology.broker, topology.object_store, topology.gateway
    servers: tuple[tuple[str, Mapping[str, int]], ...] = (
        ("gateway", {"httpPort": gateway.http_port, "metricsPort": gateway.metrics_port}),
        (
            "broker",
            {
                "amqpPort": broker.amqp_port,
                "managementPort": broker.management_port,
                "metricsPort": broker.metrics_port,
                "distributionPort": broker.distribution_port,
                "epmdPort": broker.epmd_port,
            },
        ),
        ("objectStore", {"apiPort": store.api_port, "consolePort": store.console_port}),
    )
    for server, ports in servers:
        yield from duplicates("port", ((port, (server, key)) for key, port in ports.items()))


def scrape_findings(topology: Topology) -> Iterator[Finding]:
    """A job asks a port that its targets serve metrics on."""
    monitoring = topology.monitoring
    serving: dict[str, set[int]] = {
        "microservices": {topology.gateway.metrics_port, *(s.metrics_port for s in topology.services.values())},
        "broker": {topology.broker.metrics_port},
        "databases": {monitoring.mysql_exporter.port},
        "object-store": {topology.object_store.api_port},
        "node": {monitoring.node_exporter.port},
        "prometheus": {monitoring.prometheus.port},
        "alertmanager": {monitoring.alertmanager.port},
    }
    jobs = monitoring.prometheus.scrape_jobs
    root: Path = ("monitoring", "prometheus", "scrapeJobs")
    yield from duplicates("job", ((job.name, (*root, index, "name")) for index, job in enumerate(jobs)))
    for index, job in enumerate(jobs):
        ports = serving.get(job.target)
        if ports is not None and job.port not in ports:
            known = " or ".join(str(port) for port in sorted(ports))
            message = f"expected {known}, where target '{job.target}' serves metrics, found {job.port}"
            yield Finding((*root, index, "port"), message)
        if job.interval_s <= 0:
            yield Finding((*root, index, "interval"), "expected more than no time at all")


def alert_findings(topology: Topology) -> Iterator[Finding]:
    """Each severity has one route, and each rule a route to take."""
    rules, routes = topology.monitoring.prometheus.rules, topology.monitoring.alertmanager.routes
    rule_root: Path = ("monitoring", "prometheus", "rules")
    route_root: Path = ("monitoring", "alertmanager", "routes")
    yield from duplicates("rule", ((rule.name, (*rule_root, i, "name")) for i, rule in enumerate(rules)))
    yield from duplicates(
        "severity", ((route.severity, (*route_root, i, "severity")) for i, route in enumerate(routes))
    )
    yield from duplicates(
        "receiver", ((route.receiver, (*route_root, i, "receiver")) for i, route in enumerate(routes))
    )
    routed = {route.severity for route in routes}
    for index, rule in enumerate(rules):
        if rule.severity not in routed:
            message = (
                f"expected a severity that a route takes, found {shown(rule.severity)}: no receiver would hear of it"
            )
            yield Finding((*rule_root, index, "severity"), message)


def resource_findings(topology: Topology) -> Iterator[Finding]:
    """Kubernetes refuses a container that asks for more than it may use."""
    monitoring = topology.monitoring
    holders: tuple[tuple[Path, Resources], ...] = (
        (("databaseServer",), topology.database_server.resources),
        (("broker",), topology.broker.resources),
        (("objectStore",), topology.object_store.resources),
        (("cache",), topology.cache.resources),
        (("monitoring", "prometheus"), monitoring.prometheus.resources),
        (("monitoring", "alertmanager"), monitoring.alertmanager.resources),
        (("monitoring", "nodeExporter"), monitoring.node_exporter.resources),
        (("monitoring", "mysqlExporter"), monitoring.mysql_exporter.resources),
        (("observability", "grafana"), topology.observability.grafana.resources),
    )
    for path, resources in holders:
        asked, allowed = resources.requests, resources.limits
        if asked.memory_bytes and allowed.memory_bytes and asked.memory_bytes > allowed.memory_bytes:
            limit, found = format_memory(allowed.memory_bytes), format_memory(asked.memory_bytes)
            yield Finding(
                (*path, "resources", "requests", "memory"), f"expected at most the limit {limit}, found {found}"
            )
        if asked.cpu_cores and allowed.cpu_cores and asked.cpu_cores > allowed.cpu_cores:
            limit, found = format_cpu(allowed.cpu_cores), format_cpu(asked.cpu_cores)
            yield Finding((*path, "resources", "requests", "cpu"), f"expected at most the limit {limit}, found {found}")
