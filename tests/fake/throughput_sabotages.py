"""What is spoiled for each throughput scenario, so that it must fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.runtime.fake.platform import FakePlatform
from tests.fake.failover_sabotages import drops

Sabotage = Callable[[FakePlatform], None]


def _slow_products(platform: FakePlatform) -> None:
    """Six tenths of a second in every handler of one service."""
    platform.shop.workload.slow_s["products"] = 0.6


def _very_slow_products(platform: FakePlatform) -> None:
    """Longer than the gateway promises, in one service of thirteen: nobody queues, so each answer must show it."""
    platform.shop.workload.slow_s["products"] = 1.2


def _never_elects(platform: FakePlatform) -> None:
    """With one node gone the rest of the cluster serves nobody any more."""
    control = platform.control
    kill = control.kill

    def kill_all(server: str, signal: str = "SIGKILL") -> None:
        for node in platform.broker.nodes if server in platform.broker.nodes else (server,):
            kill(node, signal)

    control.kill = kill_all  # type: ignore[method-assign]


def _slow_everywhere(platform: FakePlatform) -> None:
    """A fiftieth of a second in every handler, asleep: no processor is busier, and the platform carries far less."""
    platform.shop.workload.slow_s.update(dict.fromkeys(platform.shop.deployments, 0.02))


def _loses_rows(platform: FakePlatform) -> None:
    """What transactions put back is not there."""
    for database in platform.databases.values():
        database.loses_rows = True


def _no_bucket(platform: FakePlatform) -> None:
    """The store acknowledges objects and keeps none."""
    for store in platform.objects.values():
        for bucket in store.buckets.values():
            bucket.objects = _Forgetful()


class _Forgetful(dict[str, Any]):
    """Takes everything and has nothing."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Forgotten."""


def _read_only(platform: FakePlatform) -> None:
    for cache in platform.caches.values():
        cache.read_only = True


def _one_works(platform: FakePlatform) -> None:
    """However many replicas there are, one takes all the messages."""
    platform.shop.switches.one_replica_works = True


SABOTAGES: Mapping[str, Sabotage] = {
    "throughput/broker-delivery": drops(20),
    "throughput/mysql": _loses_rows,
    "throughput/object-store": _no_bucket,
    "throughput/redis": _read_only,
    "throughput/requests": _very_slow_products,
    "throughput/gateway": _slow_products,
    "throughput/knee": _slow_products,
    "throughput/broker-loss": _never_elects,
    "throughput/autoscaling-live": _one_works,
    "throughput/capacity-model": _slow_everywhere,
}
