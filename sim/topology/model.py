"""The documented platform as frozen, validated data.

Every class mirrors one noun of the document; ``section`` cites where the document says so. Field names
carry their unit (``memory_bytes``, ``interval_s``) while the YAML keys stay those of Kubernetes
(``memory: 512Mi``, ``interval: 30s``).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sim.topology.cluster import (
    Autoscaler,
    Backups,
    DisruptionBudget,
    EnvironmentName,
    Ingress,
    Kustomize,
    NotSimulated,
    Observability,
    Runtime,
    Security,
    Spread,
    Sync,
)
from sim.topology.fields import (
    MAX_REPLICAS,
    DnsLabel,
    DurationS,
    Frozen,
    MemoryBytes,
    Port,
    ResourceList,
    Resources,
    Section,
)
from sim.topology.monitoring import (
    Alertmanager,
    AlertRoute,
    AlertRule,
    Exporter,
    Monitoring,
    Prometheus,
    ScrapeJob,
)

# What readers import from here, though it is written next door.
__all__ = [
    "AlertRoute",
    "AlertRule",
    "Alertmanager",
    "Autoscaler",
    "Backups",
    "DisruptionBudget",
    "DnsLabel",
    "DurationS",
    "EnvironmentName",
    "Exporter",
    "Frozen",
    "Ingress",
    "Kustomize",
    "MemoryBytes",
    "Monitoring",
    "NotSimulated",
    "Observability",
    "Port",
    "Prometheus",
    "ResourceList",
    "Resources",
    "Runtime",
    "ScrapeJob",
    "Section",
    "Security",
    "Spread",
    "Sync",
]

ServiceDomain = Literal["core", "business", "support"]
NamespaceRole = Literal["main", "messaging", "monitoring", "gitops", "ingress"]


class Namespace(Frozen):
    name: DnsLabel
    role: NamespaceRole
    section: Section


class Probe(Frozen):
    """A documented kubelet probe; the rig waits by protocol and renders these for Compose and Kubernetes."""

    command: tuple[str, ...] | None = None
    http_path: str | None = Field(default=None, alias="httpPath")
    initial_delay_s: int = Field(alias="initialDelaySeconds", ge=0)
    period_s: int = Field(default=10, alias="periodSeconds", ge=1)


class Probes(Frozen):
    liveness: Probe | None = None
    readiness: Probe | None = None


class Environment(Frozen):
    """One Kustomize overlay (section 4): what ``--env`` selects."""

    namespace: DnsLabel
    replicas: int = Field(ge=1, le=MAX_REPLICAS)
    limits: ResourceList
    storage: Literal["emptyDir", "persistentVolume"]
    autoscaling: bool
    ingress_host: str = Field(alias="ingressHost")
    pod_security: Literal["baseline", "restricted"] | None = Field(default=None, alias="podSecurity")
    section: Section


class RateLimit(Frozen):
    """Per client; 0 requests a second is no limit."""

    requests_per_s: int = Field(alias="requestsPerSecond", ge=0)
    burst: int = Field(ge=1)


class Objectives(Frozen):
    """What users of the gateway are promised: how long 99 of 100 answers take, what share may come to nothing."""

    p99_s: DurationS = Field(alias="p99", gt=0)
    error_share: float = Field(alias="errorShare", gt=0, lt=1)


class Tokens(Frozen):
    """The JWTs that auth signs and the gateway checks (section 3)."""

    issuer: str
    audience: str
    ttl_s: DurationS = Field(alias="ttl", ge=1)
    refresh_ttl_s: DurationS = Field(alias="refreshTtl", ge=1)
    section: Section


class Gateway(Frozen):
    """``image`` replaces the stand-in by the real gateway."""

    name: DnsLabel
    image: str | None = Field(default=None, min_length=1)
    http_port: Port = Field(alias="httpPort")
    metrics_port: Port = Field(alias="metricsPort")
    health_path: str = Field(default="/health", alias="healthPath")
    metrics_path: str = Field(default="/metrics", alias="metricsPath")
    service_type: Literal["ClusterIP"] = Field(default="ClusterIP", alias="serviceType")
    tracing: bool = False
    rate_limit: RateLimit = Field(alias="rateLimit")
    objectives: Objectives
    request_timeout_s: DurationS = Field(alias="requestTimeout", gt=0)
    max_in_flight: int = Field(alias="maxInFlight", ge=1)
    max_body_bytes: MemoryBytes = Field(alias="maxBodySize", ge=1)
    duties: tuple[str, ...] = ()
    section: Section


class Service(Frozen):
    """One of the 13 microservices (section 3).

    ``database`` and ``bucket`` name entries of this file. ``depends_on`` names services this one calls; the documented
    platform has none (services speak through the broker), and a cycle among them is refused. ``image`` replaces the
    stand-in by the real service.
    """

    name: DnsLabel
    image: str | None = Field(default=None, min_length=1)
    domain: ServiceDomain
    database: str | None = None
    cache_use: str | None = Field(default=None, alias="cacheUse")
    bucket: str | None = None
    depends_on: tuple[str, ...] = Field(default=(), alias="dependsOn")
    tracing: bool = False
    planned: bool = False
    job: str
    metrics_port: Port = Field(alias="metricsPort")
    health_path: str = Field(alias="healthPath")
    metrics_path: str = Field(alias="metricsPath")
    section: Section


class Database(Frozen):
    """One of the 11 MySQL deployments: the server's name, the schema on it, its one user.

    Its key in the file is its owner's name: one database per service, one service per database.
    """

    deployment: DnsLabel
    schema_name: str = Field(alias="schema", pattern=r"^[a-z][a-z0-9_]*$", max_length=64)
    user: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)
    secret: DnsLabel
    volume_claim: DnsLabel | None = Field(default=None, alias="volumeClaim")
    section: Section


class DatabaseServer(Frozen):
    """What the 11 MySQL deployments share (section 5)."""

    image: str
    args: tuple[str, ...]
    port: Port
    replicas: int = Field(ge=1, le=MAX_REPLICAS)
    data_path: str = Field(alias="dataPath")
    init_config_map: DnsLabel | None = Field(default=None, alias="initConfigMap")
    resources: Resources
    probes: Probes
    section: Section


class Exchange(Frozen):
    name: str
    type: Literal["direct", "topic", "fanout", "headers"]
    purpose: str


class Broker(Frozen):
    """The RabbitMQ cluster (section 6)."""

    name: DnsLabel
    namespace: DnsLabel
    image: str
    replicas: int = Field(ge=1, le=MAX_REPLICAS)
    vhost: str
    partition_handling: Literal["autoheal", "ignore", "pause_minority"] = Field(alias="partitionHandling")
    default_queue_type: Literal["quorum", "classic", "stream"] = Field(alias="defaultQueueType")
    plugins: tuple[str, ...]
    config: dict[str, str]
    amqp_port: Port = Field(alias="amqpPort")
    management_port: Port = Field(alias="managementPort")
    metrics_port: Port = Field(alias="metricsPort")
    distribution_port: Port = Field(alias="distributionPort")
    epmd_port: Port = Field(alias="epmdPort")
    exchanges: tuple[Exchange, ...]
    dead_letter_exchange: str = Field(alias="deadLetterExchange")
    message_ttl_s: DurationS = Field(alias="messageTtl")
    storage_bytes: MemoryBytes = Field(alias="storage")
    resources: Resources
    section: Section


class Bucket(Frozen):
    name: DnsLabel
    purpose: str
    owner: str
    policy: Literal["public-read", "private"]
    versioning: bool
    noncurrent_expiry_days: int = Field(alias="noncurrentExpiryDays", ge=1)
    section: Section


class ObjectStore(Frozen):
    """MinIO, single node today (section 7)."""

    name: DnsLabel
    namespace: DnsLabel
    image: str
    api_port: Port = Field(alias="apiPort")
    console_port: Port = Field(alias="consolePort")
    replicas: int = Field(ge=1, le=MAX_REPLICAS)
    planned_replicas: int = Field(alias="plannedReplicas", ge=1, le=MAX_REPLICAS)
    storage_bytes: MemoryBytes = Field(alias="storage")
    resources: Resources
    buckets: tuple[Bucket, ...]
    section: Section


class Cache(Frozen):
    """Redis, one instance today (section 8)."""

    name: DnsLabel
    image: str
    port: Port
    data_path: str = Field(alias="dataPath")
    args: tuple[str, ...]
    resources: Resources
    probes: Probes
    planned_masters: int | None = Field(default=None, alias="plannedMasters", ge=1)
    planned_replicas: int | None = Field(default=None, alias="plannedReplicas", ge=1, le=MAX_REPLICAS)
    section: Section


class Contradiction(Frozen):
    """Where the document contradicts itself or today's software, and what the default takes."""

    id: str
    what: str
    default: str
    section: Section


class Topology(Frozen):
    """The whole documented platform."""

    schema_version: Literal[1] = Field(alias="schema")
    name: DnsLabel
    kubernetes: str
    cluster_domain: str = Field(alias="clusterDomain")
    namespaces: tuple[Namespace, ...]
    environments: dict[EnvironmentName, Environment]
    gateway: Gateway
    tokens: Tokens
    services: dict[str, Service]
    database_server: DatabaseServer = Field(alias="databaseServer")
    databases: dict[str, Database]
    broker: Broker
    object_store: ObjectStore = Field(alias="objectStore")
    cache: Cache
    monitoring: Monitoring
    runtime: Runtime
    ingress: Ingress
    security: Security
    backups: Backups
    observability: Observability
    spread: Spread
    kustomize: Kustomize
    not_simulated: tuple[NotSimulated, ...] = Field(alias="notSimulated")
    autoscaling: tuple[Autoscaler, ...]
    disruption_budgets: tuple[DisruptionBudget, ...] = Field(alias="disruptionBudgets")
    gitops: tuple[Sync, ...]
    contradictions: tuple[Contradiction, ...]
