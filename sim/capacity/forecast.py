"""What a rate takes: pods, how busy they are, how long answers take, what saturates first, what cluster it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.capacity.calibration import Calibration, Latency
from sim.capacity.network import Load, Network
from sim.capacity.scaling import settled_pods
from sim.capacity.stations import Deployment, Station


@dataclass(frozen=True, slots=True)
class Row:
    """One deployment at the rate. ``ceiling_per_s`` is with the most pods it may have, ``pods`` what it settles on."""

    deployment: Deployment
    pods: int
    cpu_s: float
    busy_cores: float
    utilisation: float
    ceiling_per_s: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the pods request, and what they may use at most, in all."""

    pods: int
    request_cores: float
    request_memory_bytes: int
    limit_cores: float
    limit_memory_bytes: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """``sustained_per_s`` keeps the latency objective with every autoscaler at its maximum, if it must."""

    rate_per_s: float
    rows: tuple[Row, ...]
    latency: Latency
    bottleneck: str
    ceiling_per_s: float
    sustained_per_s: float
    cluster: Cluster

    @property
    def overrun(self) -> tuple[str, ...]:
        """Deployments that cannot keep up."""
        return tuple(r.deployment.name for r in self.rows if r.utilisation >= 1)

    def row(self, name: str) -> Row:
        return next(r for r in self.rows if r.deployment.name == name)


@dataclass(frozen=True, slots=True)
class Platform:
    """The deployments and what requests of the mix cost each."""

    deployments: Mapping[str, Deployment]
    calibration: Calibration

    def pods_at(self, name: str, rate_per_s: float) -> int:
        deployment, measured = self.deployments[name], self.calibration
        busy_cores = rate_per_s * measured.cpu_s().get(name, 0.0)
        idle_cores = measured.idle_cores.get(name, 0.0)
        return settled_pods(deployment, busy_cores, idle_cores, measured.memory_bytes.get(name, 0))

    def load(self, name: str, pods: int) -> Load:
        deployment = self.deployments[name]
        cores = deployment.pod_cores
        idle_cores = pods * self.calibration.idle_cores.get(name, 0.0)
        return Load(Station.of(cores, pods), self.calibration.cpu_s().get(name, 0.0), idle_cores)

    def network(self, pods: Mapping[str, int]) -> Network:
        return Network({name: self.load(name, pods[name]) for name in self.deployments}, self.calibration.latency)

    def at_most(self) -> Network:
        """Every autoscaler at its maximum."""
        return self.network({name: d.most_pods for name, d in self.deployments.items()})

    def forecast(self, rate_per_s: float, p99_bound_s: float) -> Forecast:
        pods = {name: self.pods_at(name, rate_per_s) for name in self.deployments}
        network, at_most = self.network(pods), self.at_most()
        bottleneck, ceiling_per_s = at_most.first_to_saturate()
        return Forecast(
            rate_per_s=rate_per_s,
            rows=tuple(self._row(name, pods[name], network, at_most, rate_per_s) for name in self.deployments),
            latency=network.latency(rate_per_s),
            bottleneck=bottleneck,
            ceiling_per_s=ceiling_per_s,
            sustained_per_s=at_most.knee_per_s(p99_bound_s),
            cluster=self._cluster(pods),
        )

    def _row(self, name: str, pods: int, network: Network, at_most: Network, rate_per_s: float) -> Row:
        load = network.loads[name]
        return Row(
            deployment=self.deployments[name],
            pods=pods,
            cpu_s=load.cpu_s,
            busy_cores=rate_per_s * load.cpu_s,
            utilisation=load.utilisation(rate_per_s),
            ceiling_per_s=at_most.loads[name].ceiling_per_s(),
        )

    def _cluster(self, pods: Mapping[str, int]) -> Cluster:
        counted = [(self.deployments[name], count) for name, count in pods.items()]
        return Cluster(
            pods=sum(pods.values()),
            request_cores=sum(d.request_cores * n for d, n in counted),
            request_memory_bytes=sum(d.request_memory_bytes * n for d, n in counted),
            limit_cores=sum((d.limit_cores or d.pod_cores) * n for d, n in counted),
            limit_memory_bytes=sum((d.limit_memory_bytes or 0) * n for d, n in counted),
        )

    def rate_of(self, users: float) -> float:
        """What so many shoppers at a time ask for while answers come as fast as at a low rate (Little's law)."""
        return users / self._turn_s()

    def users_of(self, rate_per_s: float) -> float:
        """How many shoppers at a time ask so often."""
        return rate_per_s * self._turn_s()

    def _turn_s(self) -> float:
        """From one request of a shopper to the next: the answer, and what they think of it."""
        return self.calibration.think_s_per_request + self.calibration.latency.mean_s
