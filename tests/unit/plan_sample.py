"""Plans to test with: the packaged topology, images of any software and version, edits of one part of the document."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.images.model import ResolvedImage
from sim.plan.draft import Draft
from sim.plan.model import Limits, Plan, ServerKind, ServerSpec
from sim.plan.pods import COMPONENTS, build_plan
from sim.topology.load import load_topology
from sim.topology.model import EnvironmentName, Topology
from sim.verdict import Fidelity

SUBNET = "10.213.7.0/24"
_RUNS = {
    "mysql": ("mysql", "8.0.40"),
    "rabbitmq": ("rabbitmq", "3.12.14"),
    "object-store": ("minio", "2025"),
    "redis": ("redis", "7.0.15"),
}


@functools.cache
def packaged() -> Topology:
    return load_topology()


def images(**other: tuple[str, str]) -> dict[str, ResolvedImage]:
    """Component → image; ``mysql=("mariadb", "11.8.3")`` replaces one's software and version."""
    chosen = _RUNS | {name.replace("_", "-"): run for name, run in other.items()}
    return {component: _image(component, *chosen.get(component, (component, "1.0.0"))) for component in COMPONENTS}


def _image(component: str, software: str, version: str) -> ResolvedImage:
    digest = f"sha256:{component.encode().hex():0<64}"
    return ResolvedImage(
        component, component, f"sim/{component}:test", digest, software, version, Fidelity.SAME_SOFTWARE
    )


def plan(
    topology: Topology | None = None,
    environment: EnvironmentName = "development",
    *,
    subnet: str = SUBNET,
    only: Sequence[str] = (),
    kinds: frozenset[ServerKind] | None = None,
    environment_limits: bool = False,
    **software: tuple[str, str],
) -> Plan:
    return build_plan(
        topology or packaged(),
        environment,
        images(**software),
        subnet,
        only=only,
        kinds=kinds,
        environment_limits=environment_limits,
    )


def draft(topology: Topology | None = None, *, environment_limits: bool = False, **software: tuple[str, str]) -> Draft:
    return Draft(topology or packaged(), "development", images(**software), SUBNET, environment_limits)


def edited(**parts: Mapping[str, Any]) -> Topology:
    """The packaged topology with fields of some parts replaced: ``edited(broker={"replicas": 1})``."""
    changed = {name: getattr(packaged(), name).model_copy(update=dict(fields)) for name, fields in parts.items()}
    return packaged().model_copy(update=changed)


def server(name: str, *after: str, cost_s: float = 0.5, **changes: Any) -> ServerSpec:
    """A server with nothing in it but its place in the order."""
    spec = ServerSpec(
        name=name,
        kind="redis",
        namespace="e-commerce",
        app=name,
        hostname=name,
        address="10.213.7.10",
        aliases=(),
        image=images()["redis"],
        command=(),
        environment={},
        files=(),
        ports=(),
        requests=Limits(),
        limits=Limits(),
        section="8",
        start_cost_cpu_s=cost_s,
        after=after,
    )
    return replace(spec, **changes)


def file(spec: ServerSpec, path: str) -> str:
    """The content of one of a server's files."""
    return next(f.content for f in spec.files if f.path == path)
