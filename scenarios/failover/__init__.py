"""What happens when a server dies: what was promised is kept, and how long the service was away."""

from __future__ import annotations

from scenarios.failover import broker_leader, broker_nodes, consumers, kept, poison, rows, unroutable
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *broker_leader.SCENARIOS,
    *broker_nodes.SCENARIOS,
    *consumers.SCENARIOS,
    *poison.SCENARIOS,
    *unroutable.SCENARIOS,
    *rows.SCENARIOS,
    *kept.SCENARIOS,
)
