"""What every server's plan is made from: the document, the environment, the images, and a pool of addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sim.errors import BadInput
from sim.images.model import ResolvedImage
from sim.plan.model import Departure, Healthcheck, Limits
from sim.topology.model import Environment, EnvironmentName, Resources, Topology

# .1 is the bridge's own address and .2 the name server's; pods follow, with room left for both to grow.
_DNS_HOST = 2
FIRST_POD_HOST = 10
LAST_POD_HOST = 249
FIRST_FREE_HOST = LAST_POD_HOST + 1
"""From here on a stack's network has room for a few pods that no plan has."""


@dataclass(slots=True)
class Draft:
    """Collects departures and hands out addresses while one plan is built; not kept afterwards.

    ``running`` are the servers this stack will have, None for all: who watches others names only those.
    """

    topology: Topology
    environment_name: EnvironmentName
    images: Mapping[str, ResolvedImage]
    subnet: str
    environment_limits: bool = False
    running: frozenset[str] | None = None
    departures: list[Departure] = field(default_factory=list)
    _hosts: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._hosts = iter(range(FIRST_POD_HOST, LAST_POD_HOST + 1))

    @property
    def environment(self) -> Environment:
        return self.topology.environments[self.environment_name]

    @property
    def persistent(self) -> bool:
        return self.environment.storage == "persistentVolume"

    def next_address(self) -> str:
        """The next free pod address. Raises BadInput when the document has more servers than the subnet has room."""
        host = next(self._hosts, None)
        if host is None:
            raise BadInput(
                f"The document has more servers than {self.subnet} has pod addresses"
                f" ({LAST_POD_HOST - FIRST_POD_HOST + 1}).",
                next_step="fewer replicas in the topology",
            )
        return str(ipaddress.ip_network(self.subnet)[host])

    def runs(self, server: str) -> bool:
        return self.running is None or server in self.running

    @property
    def dns_address(self) -> str:
        return str(ipaddress.ip_network(self.subnet)[_DNS_HOST])

    def names(self, service: str, namespace: str) -> tuple[str, ...]:
        """The Kubernetes names of a Service, from relative to fully qualified (DNS for Services and Pods)."""
        fqdn = f"{service}.{namespace}.svc.{self.topology.cluster_domain}"
        return (f"{service}.{namespace}", f"{service}.{namespace}.svc", fqdn)

    def depart(self, server: str, what: str, reason: str, section: str) -> None:
        self.departures.append(Departure(server, what, reason, section))

    def limits(self, resources: Resources) -> tuple[Limits, Limits]:
        """(requests, limits): the component's own documented ones, or the environment's when asked for (section 4)."""
        requests = Limits(resources.requests.memory_bytes, resources.requests.cpu_cores)
        documented = resources.limits
        if self.environment_limits:
            documented = self.environment.limits
            requests = Limits(documented.memory_bytes, documented.cpu_cores)
        return requests, Limits(documented.memory_bytes, documented.cpu_cores)


def secret_name(*parts: str) -> str:
    """``("auth-service-mysql", "root-password")`` → ``AUTH_SERVICE_MYSQL_ROOT_PASSWORD``, fit for a .env.

    A DNS label may begin with a digit, a variable's name may not.
    """
    name = "_".join(parts).upper().replace("-", "_")
    return name if name[0].isalpha() else f"N{name}"


def open_port_check(port: int) -> Healthcheck:
    """A TCP probe, as the cluster operator has for RabbitMQ; the document leaves it open. The image must have bash."""
    return Healthcheck(("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"), 10.0, 10.0)


def pod_name(deployment: str) -> str:
    """A Deployment's one pod. Never its Service's own name: an engine lets a host name be looked up from anywhere."""
    return f"{deployment}-0"
