"""Every fact of sections 5 to 9 that a running server can prove, one scenario each, one file a kind of server."""

from __future__ import annotations

from scenarios.conformance import (
    alerting,
    broker,
    cache,
    messages,
    monitoring,
    mysql,
    object_store,
    platform,
)
from sim.scenario import Scenario

# Prometheus comes last: its first scrapes take up to an interval, which the others fill.
SCENARIOS: tuple[Scenario, ...] = (
    *platform.SCENARIOS,
    *mysql.SCENARIOS,
    *broker.SCENARIOS,
    *messages.SCENARIOS,
    *object_store.SCENARIOS,
    *cache.SCENARIOS,
    *alerting.SCENARIOS,
    *monitoring.SCENARIOS,
)
