"""What every server's plan is made from: the document, the environment, the images, and a pool of addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sim.images.model import ResolvedImage
from sim.plan.model import Departure, Limits
from sim.topology.model import Environment, EnvironmentName, Resources, Topology

# .1 is the bridge's own address and .2 the name server's; pods follow, with room left for both to grow.
_DNS_HOST = 2
_FIRST_POD_HOST = 10


@dataclass(slots=True)
class Draft:
    """Collects departures and hands out addresses while one plan is built; not kept afterwards."""

    topology: Topology
    environment_name: EnvironmentName
    images: Mapping[str, ResolvedImage]
    subnet: str
    environment_limits: bool = False
    departures: list[Departure] = field(default_factory=list)
    _hosts: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._hosts = iter(range(_FIRST_POD_HOST, 250))

    @property
    def environment(self) -> Environment:
        return self.topology.environments[self.environment_name]

    @property
    def persistent(self) -> bool:
        return self.environment.storage == "persistentVolume"

    def next_address(self) -> str:
        """The next free pod address; raises StopIteration past the subnet's room, which a /24 never reaches here."""
        return str(ipaddress.ip_network(self.subnet)[next(self._hosts)])

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
    """``("auth-service-mysql", "root-password")`` → ``AUTH_SERVICE_MYSQL_ROOT_PASSWORD``, fit for a .env."""
    return "_".join(parts).upper().replace("-", "_")
