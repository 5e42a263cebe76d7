"""What happens when a server dies: what was promised is kept, and how long the service was away."""

from __future__ import annotations

from scenarios.failover import (
    alerted,
    beyond_death,
    broker_leader,
    broker_nodes,
    consumers,
    game_day,
    kept,
    poison,
    rows,
    shop_drills,
    unroutable,
)
from scenarios.failover.resting import rested
from sim.scenario import Scenario

_DRILLS = (
    *broker_leader.SCENARIOS,
    *broker_nodes.SCENARIOS,
    *consumers.SCENARIOS,
    *poison.SCENARIOS,
    *unroutable.SCENARIOS,
    *rows.SCENARIOS,
    *kept.SCENARIOS,
    *shop_drills.SCENARIOS,
    *beyond_death.SCENARIOS,
    *alerted.SCENARIOS,
    *game_day.SCENARIOS,
)

# Each leaves the platform as it found it, and says so: drills of one run do not disturb each other.
SCENARIOS: tuple[Scenario, ...] = tuple(rested(drill) for drill in _DRILLS)
