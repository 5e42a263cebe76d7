"""Which edges each claim about the platform's network speaks of. The same selection is probed and judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.plan.pod_labels import APP, BROKER, COMPONENT, DATABASE, GATEWAY, MICROSERVICE, NAME, PART
from sim.policy.objects import Cluster, Pod, Protocol
from sim.probing.model import NODE, Edge
from sim.topology.model import Topology

UNDOCUMENTED_PORT = 7777
"""Nobody listens there by TCP; by UDP the rig does, so that a datagram's arrival can be seen."""


def every_edge(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    """Each pod to each other one, on every documented port of any of them and on one that is none, TCP and UDP."""
    del topology
    return _edges(places(cluster), places(cluster), documented_ports(cluster))


def gateway_and_services(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    """Among the gateway and the services: their own ports and one that is none."""
    del topology
    pods = [pod for pod in places(cluster) if pod.labels.get(COMPONENT) in {GATEWAY, MICROSERVICE}]
    return _edges(pods, pods, sorted({port.port for pod in pods for port in pod.ports}))


def databases(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    """Whoever there is to each of the databases."""
    targets = [pod for pod in places(cluster) if pod.labels.get(COMPONENT) == DATABASE]
    return _edges(places(cluster), targets, [topology.database_server.port])


def broker(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    """Whoever there is to each node of the broker, on its five ports."""
    own = topology.broker
    ports = [own.amqp_port, own.management_port, own.metrics_port, own.distribution_port, own.epmd_port]
    return _edges(places(cluster), [pod for pod in places(cluster) if pod.labels.get(PART) == BROKER], ports)


def cache(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    return _edges(places(cluster), _app(cluster, topology.cache.name), [topology.cache.port])


def object_store(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    """Whoever there is to the store, on each port that it has."""
    targets = _app(cluster, topology.object_store.name)
    return _edges(places(cluster), targets, sorted({port.port for pod in targets for port in pod.ports}))


def into_the_gateway(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    """Whoever there is to the gateway; the ingress controller's namespace to whoever is in the gateway's."""
    gateway = [pod for pod in places(cluster) if pod.labels.get(COMPONENT) == GATEWAY]
    ingress = [pod for pod in places(cluster) if pod.namespace == topology.ingress.namespace]
    beside = [pod for pod in places(cluster) if pod.namespace in {entered.namespace for entered in gateway}]
    ports = [topology.gateway.http_port, topology.gateway.metrics_port]
    return tuple(dict.fromkeys((*_edges(places(cluster), gateway, ports), *_edges(ingress, beside, ports))))


def scraping(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    """Prometheus to whoever there is, on every port."""
    sources = [pod for pod in places(cluster) if pod.labels.get(NAME) == topology.monitoring.prometheus.name]
    return _edges(sources, places(cluster), documented_ports(cluster))


def service_edges(cluster: Cluster, server: str) -> Sequence[Edge]:
    """One server's pod to whoever there is, on every documented port and on one that is none, by TCP."""
    own = [pod for pod in places(cluster) if pod.name == server]
    edges = _edges(own, places(cluster), documented_ports(cluster))
    return tuple(edge for edge in edges if edge.protocol is Protocol.TCP)


def documented_ports(cluster: Cluster) -> list[int]:
    return sorted({port.port for pod in places(cluster) for port in pod.ports})


def node_edges(edges: Iterable[Edge]) -> list[Edge]:
    """What the node must be asked, so that a silence at the same place means something."""
    return list(dict.fromkeys(Edge(NODE, edge.target, edge.protocol, edge.port) for edge in edges))


def places(cluster: Cluster) -> list[Pod]:
    """Those that are places on the network; the name server inside every pod is not."""
    return [pod for pod in cluster.pods if not all(address.startswith("127.") for address in pod.addresses)]


def _app(cluster: Cluster, name: str) -> list[Pod]:
    return [pod for pod in places(cluster) if pod.labels.get(APP) == name]


def _edges(sources: Iterable[Pod], targets: Iterable[Pod], ports: Sequence[int]) -> tuple[Edge, ...]:
    """Source by source, so that a prober changes namespaces seldom."""
    wanted = tuple(targets)
    places = [(Protocol.TCP, port) for port in (*ports, UNDOCUMENTED_PORT)] + [(Protocol.UDP, UNDOCUMENTED_PORT)]
    return tuple(
        Edge(source.full_name, target.full_name, protocol, port)
        for source in sources
        for target in wanted
        if source is not target
        for protocol, port in places
    )
