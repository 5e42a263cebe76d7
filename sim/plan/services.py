"""The gateway and the 13 microservices (section 3): one image of stand-ins, or the real image of any of them."""

from __future__ import annotations

from collections.abc import Mapping

from sim.images.model import ResolvedImage
from sim.plan.access import COORDINATOR
from sim.plan.draft import Draft, pod_name
from sim.plan.model import Healthcheck, Limits, PortSpec, ServerKind, ServerSpec
from sim.plan.pod_labels import GATEWAY, MICROSERVICE, own_labels
from sim.plan.rabbitmq import node_names
from sim.plan.service_environment import (
    ADMIN_EMAIL,
    AUTH,
    TOKEN_SECRET,
    admin_secret,
    gateway_environment,
    service_environment,
)
from sim.services.catalogue import SERVICE_MODULES
from sim.topology.model import Service, Topology
from sim.topology.names import pod_names
from sim.topology.quantities import format_cpu

COMPONENT = "service"
"""The image that all stand-ins share."""

_START_COST_CPU_S = 0.5
# Dearer than its siblings, so that it comes first: until it has declared their queues, none of them is ready.
_COORDINATOR_START_COST_CPU_S = 1.0
# A probe here starts an interpreter: three times the document's usual interval costs a third of it.
_PROBE_INTERVAL_S = 30.0


def given_images(topology: Topology) -> Mapping[str, str]:
    """Deployment → the real image the document gives it."""
    named = [(topology.gateway.name, topology.gateway.image)]
    named += [(service.name, service.image) for service in topology.services.values()]
    return {deployment: image for deployment, image in named if image is not None}


def plan_gateway(draft: Draft) -> tuple[ServerSpec, ...]:
    """Every replica answers at the gateway's one name."""
    topology, gateway = draft.topology, draft.topology.gateway
    facts = {
        "jwt_secret": TOKEN_SECRET,
        "jwt_issuer": topology.tokens.issuer,
        "jwt_audience": topology.tokens.audience,
    }
    return _pods(
        draft,
        "gateway",
        gateway.name,
        environment=gateway_environment(draft),
        ports=_ports(gateway.http_port, gateway.metrics_port),
        facts=facts,
        after=node_names(draft),
        section=gateway.section,
    )


def plan_services(draft: Draft) -> tuple[ServerSpec, ...]:
    """Every service that can be run; one that cannot is reported."""
    if not draft.environment_limits:
        draft.depart(
            "service",
            f"the environment's CPU limit ({format_cpu(draft.environment.limits.cpu_cores or 0)}) is not applied",
            "a start would take as many times longer; --limits environment applies it",
            "4",
        )
    planned: list[ServerSpec] = []
    for key, service in draft.topology.services.items():
        if _can_run(draft, key, service):
            planned += _service(draft, key, service)
        else:
            draft.depart(service.name, "it is not started", "it has no image, and there is no stand-in for it", "3")
    return tuple(planned)


def _can_run(draft: Draft, key: str, service: Service) -> bool:
    return service.name in draft.images or key in SERVICE_MODULES


def _service(draft: Draft, key: str, service: Service) -> tuple[ServerSpec, ...]:
    topology = draft.topology
    facts = {"service": key}
    if key == AUTH:
        facts |= {"admin_email": ADMIN_EMAIL, "admin_password_secret": admin_secret(topology)}
    return _pods(
        draft,
        "service",
        service.name,
        environment=service_environment(draft, key, service, coordinates=key == COORDINATOR),
        ports=_ports(topology.gateway.http_port, service.metrics_port),
        facts=facts,
        after=(*node_names(draft), *_used(topology, service)),
        section=service.section,
        start_cost_cpu_s=_COORDINATOR_START_COST_CPU_S if key == COORDINATOR else _START_COST_CPU_S,
    )


def _used(topology: Topology, service: Service) -> tuple[str, ...]:
    """What it would have to wait for anyway; not yet started, it takes no processor from those it waits for."""
    used: list[str] = []
    if service.database:
        used.append(topology.databases[service.database].deployment)
    if service.cache_use:
        used.append(topology.cache.name)
    if service.bucket:
        used.append(topology.object_store.name)
    return tuple(used)


def _pods(
    draft: Draft,
    kind: ServerKind,
    deployment: str,
    *,
    environment: Mapping[str, str],
    ports: tuple[PortSpec, ...],
    facts: Mapping[str, str],
    after: tuple[str, ...],
    section: str,
    start_cost_cpu_s: float = _START_COST_CPU_S,
) -> tuple[ServerSpec, ...]:
    """The environment's replicas of one Deployment. A real image runs as it comes, a stand-in confined."""
    real: ResolvedImage | None = draft.images.get(deployment)
    limits = _limits(draft)
    namespace = draft.environment.namespace
    replicas = draft.environment.replicas
    return tuple(
        ServerSpec(
            name=name,
            kind=kind,
            namespace=namespace,
            app=deployment,
            hostname=f"{deployment}-{number}" if replicas > 1 else pod_name(deployment),
            address=draft.next_address(),
            aliases=(*draft.names(deployment, namespace), pod_fqdn(draft, deployment, number)),
            image=real or draft.images[COMPONENT],
            command=() if real else ("python3", "-m", "sim.services", deployment),
            replaces_entrypoint=real is None,
            confined=real is None,
            environment=environment,
            files=(),
            ports=ports,
            requests=limits,
            limits=limits,
            section=section,
            healthcheck=None if real else _alive(ports[0].number),
            start_cost_cpu_s=start_cost_cpu_s,
            after=after,
            facts=facts,
            labels=own_labels(deployment, GATEWAY if kind == "gateway" else MICROSERVICE),
        )
        for number, name in enumerate(pod_names(deployment, replicas))
    )


def service_pods(draft: Draft) -> tuple[str, ...]:
    """The full name of every pod of the gateway and of the services that runs, with metrics to ask for."""
    services = [service.name for key, service in draft.topology.services.items() if _can_run(draft, key, service)]
    return tuple(
        pod_fqdn(draft, deployment, number)
        for deployment in (draft.topology.gateway.name, *services)
        for number, pod in enumerate(pod_names(deployment, draft.environment.replicas))
        if draft.runs(pod)
    )


def pod_fqdn(draft: Draft, deployment: str, number: int) -> str:
    """One pod's own name, under its Service's: what Prometheus asks, as it asks each pod behind a Service."""
    namespace, domain = draft.environment.namespace, draft.topology.cluster_domain
    return f"{deployment}-{number}.{deployment}.{namespace}.svc.{domain}"


def _ports(http: int, metrics: int) -> tuple[PortSpec, ...]:
    return (PortSpec("http", http), PortSpec("metrics", metrics))


def _limits(draft: Draft) -> Limits:
    """The overlay's (section 4), which are the only ones documented for services."""
    documented = draft.environment.limits
    return Limits(documented.memory_bytes, documented.cpu_cores if draft.environment_limits else None)


def _alive(port: int) -> Healthcheck:
    probe = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/health/live', timeout=3)"
    return Healthcheck(("python3", "-c", probe), 10.0, _PROBE_INTERVAL_S)
