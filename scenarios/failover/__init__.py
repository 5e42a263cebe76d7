"""What happens when a server dies: what was promised is kept, and how long the service was away."""

from __future__ import annotations

from scenarios.failover.broker_leader import BROKER_LEADER
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (BROKER_LEADER,)
