"""What the document says, as tables by server name: the expected side of every comparison.

Computed from the topology alone, never from a plan: how the rig wired a stack is no evidence of what it should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from sim.images.model import ResolvedImage
from sim.scenario import Evidence
from sim.topology.model import Database, Resources
from sim.topology.names import deployment_names, pod_names
from sim.verdict import Fidelity

_T = TypeVar("_T")


def databases(evidence: Evidence) -> Mapping[str, Database]:
    return {database.deployment: database for database in evidence.topology.databases.values()}


def on_databases(evidence: Evidence, value: _T) -> Mapping[str, _T]:
    """The same value for each of the databases."""
    return dict.fromkeys(databases(evidence), value)


def broker_nodes(evidence: Evidence) -> tuple[str, ...]:
    """As the cluster operator names its pods."""
    broker = evidence.topology.broker
    return tuple(f"{broker.name}-server-{number}" for number in range(broker.replicas))


def on_brokers(evidence: Evidence, value: _T) -> Mapping[str, _T]:
    return dict.fromkeys(broker_nodes(evidence), value)


def replicas(name: str, count: int) -> tuple[str, ...]:
    """Pod names of a set: ``prometheus-0``, ``prometheus-1`` and so on."""
    return tuple(f"{name}-{number}" for number in range(count))


def prometheuses(evidence: Evidence) -> tuple[str, ...]:
    prometheus = evidence.topology.monitoring.prometheus
    return replicas(prometheus.name, prometheus.replicas)


def alertmanagers(evidence: Evidence) -> tuple[str, ...]:
    alertmanager = evidence.topology.monitoring.alertmanager
    return replicas(alertmanager.name, alertmanager.replicas)


def on_cache(evidence: Evidence, value: _T) -> Mapping[str, _T]:
    return {evidence.topology.cache.name: value}


def on_object_store(evidence: Evidence, value: _T) -> Mapping[str, _T]:
    return {evidence.topology.object_store.name: value}


def main_namespace(evidence: Evidence) -> str:
    """The environment's own."""
    environment = next(e for name, e in evidence.topology.environments.items() if name == evidence.environment)
    return environment.namespace


def kinds(evidence: Evidence) -> Mapping[str, str]:
    """Every documented server that runs here, by name, with its kind."""
    topology = evidence.topology
    monitoring = topology.monitoring
    return {
        **on_databases(evidence, "mysql"),
        **on_brokers(evidence, "rabbitmq"),
        topology.object_store.name: "object-store",
        topology.cache.name: "redis",
        **dict.fromkeys(prometheuses(evidence), "prometheus"),
        **dict.fromkeys(alertmanagers(evidence), "alertmanager"),
        monitoring.node_exporter.name: "node-exporter",
        monitoring.mysql_exporter.name: "mysql-exporter",
        **{
            pod: "gateway" if deployment == topology.gateway.name else "service"
            for pod, deployment in service_pods(evidence).items()
        },
    }


def service_pods(evidence: Evidence) -> Mapping[str, str]:
    """Every documented pod of the gateway and of the services, with its deployment."""
    topology = evidence.topology
    count = next(e.replicas for name, e in topology.environments.items() if name == evidence.environment)
    return {pod: deployment for deployment in deployment_names(topology) for pod in pod_names(deployment, count)}


def resources(evidence: Evidence) -> Mapping[str, Resources]:
    """Documented requests and limits by server, of those that have any."""
    topology = evidence.topology
    return {
        **on_databases(evidence, topology.database_server.resources),
        **on_brokers(evidence, topology.broker.resources),
        topology.object_store.name: topology.object_store.resources,
        topology.cache.name: topology.cache.resources,
        **dict.fromkeys(prometheuses(evidence), topology.monitoring.prometheus.resources),
    }


def fully_qualified(evidence: Evidence, service: str, namespace: str) -> str:
    """A Service's name from anywhere (Kubernetes "DNS for Services and Pods")."""
    return f"{service}.{namespace}.svc.{evidence.topology.cluster_domain}"


def documented_tag(image: ResolvedImage) -> tuple[int, ...]:
    """The version in the documented image's tag, ``mysql:8.0`` → ``(8, 0)``; empty when it pins none."""
    return _numbers(image.documented.rpartition(":")[2])


def is_documented_version(version: str, image: ResolvedImage) -> bool:
    """Whether ``version`` is of the documented line: as many leading numbers as the tag gives agree."""
    tag = documented_tag(image)
    return bool(tag) and _numbers(version)[: len(tag)] == tag


def release_line(observed: str, documented: ResolvedImage) -> str:
    """What is wrong with a server's version, empty when it is of the documented image's line."""
    return "" if is_documented_version(observed, documented) else f"runs {observed}, not {documented.documented}"


def not_the_documented_image(evidence: Evidence, kind: str) -> str:
    """Why an image cannot show a product's own fact; empty when it is the documented one."""
    image = evidence.images.get(kind)
    if image is None or image.fidelity is Fidelity.DOCUMENTED:
        return ""
    return f"{image.software} {image.version} ran, {image.documented} is documented"


def _numbers(version: str) -> tuple[int, ...]:
    parts: list[int] = []
    for part in version.removeprefix("v").split("-")[0].split("+")[0].split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts)
