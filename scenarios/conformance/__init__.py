"""Every fact of sections 5 to 9 that a running server can prove, one scenario each, one file a kind of server."""

from __future__ import annotations

from scenarios.conformance import (
    alerting,
    broker,
    broker_access,
    broker_settings,
    cache,
    messages,
    monitoring,
    mysql,
    mysql_accounts,
    object_store,
    platform,
)
from sim.scenario import Scenario

# Prometheus comes last: its first scrapes take up to an interval, which the others fill.
SCENARIOS: tuple[Scenario, ...] = (
    *platform.SCENARIOS,
    *mysql.SCENARIOS,
    *mysql_accounts.SCENARIOS,
    *broker.SCENARIOS,
    *broker_settings.SCENARIOS,
    *broker_access.SCENARIOS,
    *messages.SCENARIOS,
    *object_store.SCENARIOS,
    *cache.SCENARIOS,
    *alerting.SCENARIOS,
    *monitoring.SCENARIOS,
)
