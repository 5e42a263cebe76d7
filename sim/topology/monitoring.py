"""Prometheus, Alertmanager and the exporters (section 9): what is scraped, what alerts, who hears of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sim.topology.fields import MAX_REPLICAS, DnsLabel, DurationS, Frozen, MemoryBytes, Port, Resources, Section


class ScrapeJob(Frozen):
    """A Prometheus target class. ``target`` is one of the kinds the plan knows how to address."""

    name: str
    target: Literal[
        "microservices",
        "broker",
        "databases",
        "object-store",
        "node",
        "kube-state-metrics",
        "prometheus",
        "alertmanager",
    ]
    port: Port
    path: str
    interval_s: DurationS = Field(alias="interval")
    section: Section


class AlertRule(Frozen):
    name: str
    severity: Literal["critical", "warning", "info"]
    expr: str
    for_s: DurationS = Field(alias="for")
    summary: str
    section: Section


class AlertRoute(Frozen):
    """Severity → receiver → channels (section 9)."""

    severity: Literal["critical", "warning", "info"]
    receiver: str
    channels: tuple[Literal["email", "slack", "webhook"], ...]


class Prometheus(Frozen):
    name: DnsLabel
    image: str
    port: Port
    replicas: int = Field(ge=1, le=MAX_REPLICAS)
    retention_s: DurationS = Field(alias="retention")
    storage_bytes: MemoryBytes = Field(alias="storage")
    resources: Resources
    scrape_jobs: tuple[ScrapeJob, ...] = Field(alias="scrapeJobs")
    rules: tuple[AlertRule, ...]
    section: Section


class Alertmanager(Frozen):
    name: DnsLabel
    image: str
    port: Port
    replicas: int = Field(ge=1, le=MAX_REPLICAS)
    retention_s: DurationS = Field(alias="retention")
    storage_bytes: MemoryBytes = Field(alias="storage")
    resources: Resources = Resources()
    routes: tuple[AlertRoute, ...]
    section: Section


class Exporter(Frozen):
    name: DnsLabel
    image: str
    port: Port
    resources: Resources = Resources()
    section: Section


class Monitoring(Frozen):
    namespace: DnsLabel
    prometheus: Prometheus
    alertmanager: Alertmanager
    node_exporter: Exporter = Field(alias="nodeExporter")
    mysql_exporter: Exporter = Field(alias="mysqlExporter")
