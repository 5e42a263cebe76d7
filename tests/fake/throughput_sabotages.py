"""What is spoiled for each throughput scenario, so that it must fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.runtime.fake.platform import FakePlatform

Sabotage = Callable[[FakePlatform], None]


def _slow_products(platform: FakePlatform) -> None:
    """Six tenths of a second in every handler of one service."""
    platform.shop.workload.slow_s["products"] = 0.6


def _never_elects(platform: FakePlatform) -> None:
    """With one node gone the rest of the cluster serves nobody any more."""
    control = platform.control
    kill = control.kill

    def kill_all(server: str, signal: str = "SIGKILL") -> None:
        for node in platform.broker.nodes if server in platform.broker.nodes else (server,):
            kill(node, signal)

    control.kill = kill_all  # type: ignore[method-assign]


def _slow_everywhere(platform: FakePlatform) -> None:
    """A twentieth of a second in every handler, asleep: no processor is busier, and the platform carries far less."""
    platform.shop.workload.slow_s.update(dict.fromkeys(platform.shop.deployments, 0.05))


SABOTAGES: Mapping[str, Sabotage] = {
    "throughput/gateway": _slow_products,
    "throughput/knee": _slow_products,
    "throughput/broker-loss": _never_elects,
    "throughput/capacity-model": _slow_everywhere,
}
