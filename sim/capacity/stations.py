"""The documented platform as stations: pods, what each may use of a processor, and who scales it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sim.topology.fields import Resources
from sim.topology.model import Autoscaler, EnvironmentName, Topology

OTHERS = "others"
_GATEWAY_ROW = "gateway"
ONE_THREAD = 1
MANY_THREADS = 64


@dataclass(frozen=True, slots=True)
class Deployment:
    """``pods`` as the environment has them at first; ``threads`` is how many cores one pod could use at most.

    ``limit_cores`` None means as much as it can use. ``autoscaler`` None means nobody changes ``pods``.
    """

    name: str
    pods: int
    threads: int
    limit_cores: float | None
    request_cores: float
    limit_memory_bytes: int | None
    request_memory_bytes: int
    autoscaler: Autoscaler | None = None

    @property
    def pod_cores(self) -> float:
        return min(float(self.threads), self.limit_cores or math.inf)

    @property
    def most_pods(self) -> int:
        return self.autoscaler.max_replicas if self.autoscaler else self.pods


@dataclass(frozen=True, slots=True)
class Station:
    """A deployment with so many pods: places, and how fast each works, 1 being a whole core."""

    places: int
    speed: float

    @classmethod
    def of(cls, cores: float, pods: int) -> Station:
        places = max(1, math.floor(cores + 1e-9))
        return cls(places * pods, cores / places)

    @property
    def cores(self) -> float:
        return self.places * self.speed


def row_of(topology: Topology, service: str) -> Autoscaler | None:
    """The document's row for a service or the gateway; the others share one. None when nobody scales it."""
    rows = {row.service: row for row in topology.autoscaling}
    return rows.get(service) or rows.get(OTHERS)


def deployments(topology: Topology, environment: EnvironmentName) -> Mapping[str, Deployment]:
    """Everything a shopper's request may touch, by its documented name."""
    chosen = topology.environments[environment]
    found: dict[str, Deployment] = {}
    limits = chosen.limits
    apps = {topology.gateway.name: _GATEWAY_ROW, **{s.name: key for key, s in topology.services.items()}}
    for name, key in apps.items():
        row = row_of(topology, key) if chosen.autoscaling else None
        found[name] = Deployment(
            name=name,
            pods=row.min_replicas if row else chosen.replicas,
            # One process with one interpreter; what it waits for, it waits for in threads.
            threads=ONE_THREAD,
            limit_cores=limits.cpu_cores,
            request_cores=limits.cpu_cores or 0.0,
            limit_memory_bytes=limits.memory_bytes,
            request_memory_bytes=limits.memory_bytes or 0,
            autoscaler=row,
        )
    for database in topology.databases.values():
        server = topology.database_server
        found[database.deployment] = _server(database.deployment, server.replicas, MANY_THREADS, server.resources)
    broker, store, cache = topology.broker, topology.object_store, topology.cache
    found[broker.name] = _server(broker.name, broker.replicas, MANY_THREADS, broker.resources)
    found[store.name] = _server(store.name, store.replicas, MANY_THREADS, store.resources)
    found[cache.name] = _server(cache.name, 1, ONE_THREAD, cache.resources)
    return found


def _server(name: str, pods: int, threads: int, resources: Resources) -> Deployment:
    return Deployment(
        name=name,
        pods=pods,
        threads=threads,
        limit_cores=resources.limits.cpu_cores,
        request_cores=resources.requests.cpu_cores or 0.0,
        limit_memory_bytes=resources.limits.memory_bytes,
        request_memory_bytes=resources.requests.memory_bytes or 0,
    )
