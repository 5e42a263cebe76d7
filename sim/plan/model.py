"""The plan: every pod, container, address and file of one stack, frozen before anything starts.

The same plan is started by a runtime and rendered to Compose. Secrets appear only as ``${NAME}`` placeholders; their
values belong to one stack and never to a plan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sim.images.model import ResolvedImage
from sim.policy.objects import NetworkPolicy

ServerKind = Literal[
    "mysql",
    "rabbitmq",
    "object-store",
    "redis",
    "prometheus",
    "alertmanager",
    "node-exporter",
    "mysql-exporter",
    "alert-sink",
    "gateway",
    "service",
]

PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
"""A secret's place in a text. Any other dollar belongs to the text's own syntax (Prometheus' ``$labels``)."""


@dataclass(frozen=True, slots=True)
class PortSpec:
    name: str
    number: int
    published: bool = True


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A file put into the container before it starts; ``content`` may hold ``${SECRET}`` placeholders."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Limits:
    memory_bytes: int | None = None
    cpu_cores: float | None = None


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """The documented probe, as Compose runs it; the rig itself waits by protocol."""

    command: tuple[str, ...]
    start_period_s: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One server: one pod with one main container.

    ``name`` is the document's (``auth-service-mysql``, ``rabbitmq-cluster-server-0``). ``aliases`` are fully qualified
    Kubernetes names on the pod network; several servers may share one, and resolving it then gives all addresses.
    ``after`` names servers that must be ready first. ``facts`` are what a client needs to know (schema, user, vhost)
    and hold secret *names*, never values. ``labels`` are the pod's. ``replaces_entrypoint``: ``command`` is the whole
    command line, whatever the image would put before it; an empty ``command`` is the image's own. ``confined``: no
    capability, a root file system that cannot be written, ``/tmp`` in memory.
    """

    name: str
    kind: ServerKind
    namespace: str
    app: str
    hostname: str
    address: str
    aliases: tuple[str, ...]
    image: ResolvedImage
    command: tuple[str, ...]
    environment: Mapping[str, str]
    files: tuple[FileSpec, ...]
    ports: tuple[PortSpec, ...]
    requests: Limits
    limits: Limits
    section: str
    replaces_entrypoint: bool = False
    confined: bool = False
    data_path: str | None = None
    persistent: bool = False
    healthcheck: Healthcheck | None = None
    ready_timeout_s: float = 120.0
    stop_grace_s: float = 10.0
    start_cost_cpu_s: float = 0.5
    after: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def port(self, name: str) -> PortSpec:
        """Raises KeyError when the server has no such port."""
        for port in self.ports:
            if port.name == name:
                return port
        raise KeyError(f"{self.name} has no port named {name!r}")


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the running server differs from the document, and why; reported, never hidden."""

    server: str
    what: str
    reason: str
    section: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``subnet`` is the pod network; ``servers`` in start order, dearest first within a wave.

    ``policies`` are the document's network policies and those it needs besides. ``pause_image`` owns each pod's network
    namespace; ``tools_image`` acts there where the rig itself may not, and is None in a plan remembered from before.
    """

    platform: str
    environment: str
    namespace: str
    cluster_domain: str
    subnet: str
    servers: tuple[ServerSpec, ...]
    secret_names: tuple[str, ...]
    departures: tuple[Departure, ...]
    pause_image: ResolvedImage
    tools_image: ResolvedImage | None = None
    policies: tuple[NetworkPolicy, ...] = ()

    def server(self, name: str) -> ServerSpec:
        """Raises KeyError when the plan has no such server."""
        for server in self.servers:
            if server.name == name:
                return server
        raise KeyError(f"no server named {name!r} in this plan")

    def of_kind(self, kind: ServerKind) -> tuple[ServerSpec, ...]:
        return tuple(s for s in self.servers if s.kind == kind)
