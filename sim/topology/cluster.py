"""The documented parts that only a Kubernetes cluster has: ingress, policies, roles, backups, dashboards, rollout.

The rig starts none of them. They are here because what is rendered for a cluster, and what the isolation oracle
expects, comes from the same file as the running servers.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sim.topology.fields import MAX_REPLICAS, DnsLabel, DurationS, Frozen, MemoryBytes, Port, Resources, Section

EnvironmentName = Literal["development", "staging", "production"]

# Who may be named at either end of a network rule. Each is a set of pods that the rest of the file decides.
Peer = Literal[
    "every-pod",
    "cluster-dns",
    "ingress-controller",
    "gateway",
    "microservices",
    "own-database",
    "broker",
    "broker-nodes",
    "cache",
    "cache-users",
    "object-store",
    "object-store-metrics",
    "bucket-users",
    "tracing-users",
    "jaeger",
    "fluentbit",
    "prometheus",
    "mysql-exporter",
    "databases",
    "metrics-endpoints",
    "monitoring-namespace",
]


class Ingress(Frozen):
    """How traffic enters (section 3, layer 2)."""

    controller: str
    namespace: DnsLabel
    tls_termination: bool = Field(alias="tlsTermination")
    https_redirect: bool = Field(alias="httpsRedirect")
    routing: tuple[Literal["host", "path"], ...]
    balancing: tuple[Literal["wrr", "drr"], ...]
    health_checks: bool = Field(alias="healthChecks")
    circuit_breaker: bool = Field(alias="circuitBreaker")
    certificate_issuer: str = Field(alias="certificateIssuer")
    section: Section


class NetworkRule(Frozen):
    """Traffic the policies let through. ``resolves`` names the contradiction that made the default add it."""

    name: DnsLabel
    sources: tuple[Peer, ...] = Field(alias="from", min_length=1)
    destinations: tuple[Peer, ...] = Field(alias="to", min_length=1)
    ports: tuple[Port, ...] = Field(min_length=1)
    protocols: tuple[Literal["TCP", "UDP"], ...] = ("TCP",)
    resolves: str | None = None
    section: Section


class NetworkPolicies(Frozen):
    """Deny everything both ways in the main namespace, then the rules (section 10)."""

    default_deny: DnsLabel = Field(alias="defaultDeny")
    rules: tuple[NetworkRule, ...]
    section: Section


class Role(Frozen):
    name: DnsLabel
    access: Literal["read", "full"]
    environments: tuple[EnvironmentName, ...]


class AccessControl(Frozen):
    """RBAC (section 10)."""

    service_account_per_service: bool = Field(alias="serviceAccountPerService")
    automount_token: bool = Field(alias="automountToken")
    roles: tuple[Role, ...]
    section: Section


class PodSecurity(Frozen):
    """What every container must satisfy; the level of each environment is the environment's own (section 10)."""

    privileged: bool
    host_namespaces: bool = Field(alias="hostNamespaces")
    read_only_root: bool = Field(alias="readOnlyRoot")
    run_as_non_root: bool = Field(alias="runAsNonRoot")
    section: Section


class ExternalSecrets(Frozen):
    store: DnsLabel
    backends: tuple[str, ...]
    refresh_s: DurationS = Field(alias="refreshInterval")
    section: Section


class Security(Frozen):
    network_policies: NetworkPolicies = Field(alias="networkPolicies")
    access_control: AccessControl = Field(alias="accessControl")
    pod_security: PodSecurity = Field(alias="podSecurity")
    external_secrets: ExternalSecrets = Field(alias="externalSecrets")


class Backups(Frozen):
    """What production promises for its databases (section 5)."""

    environments: tuple[EnvironmentName, ...]
    interval_s: DurationS = Field(alias="interval")
    target: str
    retention_s: DurationS = Field(alias="retention")
    point_in_time_recovery: bool = Field(alias="pointInTimeRecovery")
    restore_test_interval_s: DurationS = Field(alias="restoreTestInterval")
    section: Section


class ServiceMonitor(Frozen):
    """How Prometheus finds the microservices (section 9)."""

    name: DnsLabel
    selector: dict[str, str]
    port_name: str = Field(alias="portName")
    path: str
    interval_s: DurationS = Field(alias="interval")
    section: Section


class Grafana(Frozen):
    name: DnsLabel
    port: Port
    replicas: int = Field(ge=1, le=MAX_REPLICAS)
    storage_bytes: MemoryBytes = Field(alias="storage")
    resources: Resources
    data_sources: tuple[str, ...] = Field(alias="dataSources")
    dashboards: tuple[str, ...]
    section: Section


class Jaeger(Frozen):
    name: DnsLabel
    spans: tuple[str, ...]
    section: Section


class FluentBit(Frozen):
    name: DnsLabel
    kind: Literal["DaemonSet"]
    sources: tuple[str, ...]
    sink: str
    section: Section


class Observability(Frozen):
    """Dashboards, traces and logs (section 9)."""

    service_monitor: ServiceMonitor = Field(alias="serviceMonitor")
    grafana: Grafana
    jaeger: Jaeger
    fluentbit: FluentBit = Field(alias="fluentBit")


class Runtime(Frozen):
    """What every microservice is built with (section 3)."""

    framework: str
    php: str
    section: Section


class Spread(Frozen):
    """Where replicas may sit (sections 6 and 12)."""

    over_zones: bool = Field(alias="overZones")
    prefer_different_nodes: bool = Field(alias="preferDifferentNodes")
    databases_pinned_to_zone: bool = Field(alias="databasesPinnedToZone")
    broker_anti_affinity: bool = Field(alias="brokerAntiAffinity")
    section: Section


class Kustomize(Frozen):
    """Where the manifests live (section 4)."""

    base: str
    overlays: dict[EnvironmentName, str]
    manifests: tuple[str, ...]
    section: Section


class NotSimulated(Frozen):
    """A documented component the rig does not start, with the reason a reader is owed."""

    name: str
    what: str
    reason: str
    section: Section


class Autoscaler(Frozen):
    """One row of the HPA table (section 12). ``service`` is a service, ``gateway``, or ``others``."""

    service: str
    min_replicas: int = Field(alias="minReplicas", ge=1)
    max_replicas: int = Field(alias="maxReplicas", ge=1)
    cpu_percent: int = Field(alias="cpuPercent", ge=1, le=100)
    memory_percent: int = Field(alias="memoryPercent", ge=1, le=100)
    section: Section


class DisruptionBudget(Frozen):
    service: str
    min_available: int = Field(alias="minAvailable", ge=0)
    section: Section


class Sync(Frozen):
    """ArgoCD's policy for one environment (section 11)."""

    environment: EnvironmentName
    automated: bool
    prune: bool
    self_heal: bool = Field(alias="selfHeal")
    approval: bool = False
    section: Section
