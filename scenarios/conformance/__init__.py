"""Every fact of sections 5 to 9 that a running server can prove, one scenario each, one file a kind of server."""

from __future__ import annotations

from scenarios.conformance import broker, cache, messages, mysql, object_store
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *mysql.SCENARIOS,
    *broker.SCENARIOS,
    *messages.SCENARIOS,
    *object_store.SCENARIOS,
    *cache.SCENARIOS,
)
