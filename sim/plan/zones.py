"""Which zone each pod would sit in (sections 6 and 12): replicas apart, one instance pinned to one zone."""

from __future__ import annotations

from collections.abc import Mapping

from sim.plan.model import Plan
from sim.topology.model import Spread

ZONES = ("zone-a", "zone-b", "zone-c")
"""Open: the document spreads over zones without counting them. Three, or its three brokers could not be apart."""


def zones(plan: Plan, spread: Spread) -> Mapping[str, tuple[str, ...]]:
    """Zone → servers, in the plan's order.

    The replicas of one application go round the zones, each application from where its place in the plan puts it, so
    that single instances do not all meet in the first zone. Without a documented spread there is one zone.
    """
    found: dict[str, list[str]] = {zone: [] for zone in (ZONES if spread.over_zones else ZONES[:1])}
    names = tuple(found)
    places: dict[str, int] = {}
    taken: dict[str, int] = {}
    for server in plan.servers:
        place = places.setdefault(server.app, len(places))
        ordinal = taken.get(server.app, 0)
        taken[server.app] = ordinal + 1
        found[names[(place + ordinal) % len(names)]].append(server.name)
    return {zone: tuple(servers) for zone, servers in found.items()}
