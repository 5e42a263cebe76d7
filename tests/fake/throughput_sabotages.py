"""What is spoiled for each throughput scenario, so that it must fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.runtime.fake.platform import FakePlatform

Sabotage = Callable[[FakePlatform], None]


def _slow_products(platform: FakePlatform) -> None:
    """Six tenths of a second in every handler of one service."""
    platform.shop.handling_s["products"] = 0.6


SABOTAGES: Mapping[str, Sabotage] = {
    "throughput/gateway": _slow_products,
}
