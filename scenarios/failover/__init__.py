"""What happens when a server dies: what was promised is kept, and how long the service was away."""

from __future__ import annotations

from scenarios.failover import broker_leader, broker_nodes
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *broker_leader.SCENARIOS,
    *broker_nodes.SCENARIOS,
)
