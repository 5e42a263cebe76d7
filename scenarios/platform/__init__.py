"""What the platform promises its customers, through the gateway and whatever breaks behind it."""

from __future__ import annotations

from scenarios.platform import compensation, gateway_errors, journeys, replicas, service_trouble, shopping_journey
from scenarios.platform.bad_messages import bad_messages
from scenarios.platform.commit_kills import orders_killed_at_commit
from scenarios.platform.last_items import last_items

# What only asks comes first, then crowds, then what breaks things.
SCENARIOS = (
    *journeys.SCENARIOS,
    shopping_journey.SCENARIO,
    compensation.SCENARIO,
    replicas.SCENARIO,
    last_items(),
    gateway_errors.SCENARIO,
    bad_messages(),
    service_trouble.SCENARIO,
    orders_killed_at_commit(),
)
