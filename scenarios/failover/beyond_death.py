"""The drills whose trouble is more than one server's death: splits, slowness, restarts, whole zones."""

from __future__ import annotations

from scenarios.failover import dead_letters, monitoring, partitions, restarts, slow_nodes, zones
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *partitions.SCENARIOS,
    *slow_nodes.SCENARIOS,
    *restarts.SCENARIOS,
    *dead_letters.SCENARIOS,
    *zones.SCENARIOS,
    *monitoring.SCENARIOS,
)
