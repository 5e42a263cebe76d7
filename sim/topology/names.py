"""Names the document implies: pods of a set, Services under the cluster's domain, who owns what. Pure."""

from __future__ import annotations

from sim.topology.model import EnvironmentName, Topology


def database_server_names(topology: Topology) -> tuple[str, ...]:
    """``auth-service-mysql`` and its ten siblings, in the file's order."""
    return tuple(database.deployment for database in topology.databases.values())


def broker_node_names(topology: Topology) -> tuple[str, ...]:
    """As the cluster operator names its pods: ``rabbitmq-cluster-server-0`` and on."""
    return _pods(f"{topology.broker.name}-server", topology.broker.replicas)


def prometheus_names(topology: Topology) -> tuple[str, ...]:
    return _pods(topology.monitoring.prometheus.name, topology.monitoring.prometheus.replicas)


def alertmanager_names(topology: Topology) -> tuple[str, ...]:
    return _pods(topology.monitoring.alertmanager.name, topology.monitoring.alertmanager.replicas)


def pod_names(deployment: str, replicas: int) -> tuple[str, ...]:
    """A Deployment's pods as servers: one is called what its Deployment is called, several are numbered."""
    return (deployment,) if replicas == 1 else _pods(deployment, replicas)


def deployment_names(topology: Topology) -> tuple[str, ...]:
    """The gateway and every service."""
    return (topology.gateway.name, *(service.name for service in topology.services.values()))


def server_names(topology: Topology, environment: EnvironmentName = "development") -> tuple[str, ...]:
    """Every server the rig starts for this topology. One name, one container: they must all differ."""
    monitoring = topology.monitoring
    replicas = topology.environments[environment].replicas
    return (
        *(pod for deployment in deployment_names(topology) for pod in pod_names(deployment, replicas)),
        *database_server_names(topology),
        *broker_node_names(topology),
        topology.object_store.name,
        topology.cache.name,
        *prometheus_names(topology),
        *alertmanager_names(topology),
        monitoring.node_exporter.name,
        monitoring.mysql_exporter.name,
    )


def service_fqdn(name: str, namespace: str, cluster_domain: str) -> str:
    """The full name of a Kubernetes Service: ``redis.e-commerce-dev.svc.cluster.local``."""
    return f"{name}.{namespace}.svc.{cluster_domain}"


def main_namespace(topology: Topology, environment: EnvironmentName) -> str:
    """Where the gateway, the services, their databases and the cache live in ``environment`` (section 4)."""
    return topology.environments[environment].namespace


def owner_of_database(topology: Topology, database: str) -> str:
    """The service that ``database`` (a key of ``databases``) belongs to. Raises KeyError when there is none."""
    for name, service in topology.services.items():
        if service.database == database:
            return name
    raise KeyError(f"no service owns the database {database!r}")


def _pods(prefix: str, replicas: int) -> tuple[str, ...]:
    return tuple(f"{prefix}-{index}" for index in range(replicas))
