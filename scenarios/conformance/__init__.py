"""Every fact of sections 5 to 9 that a running server can prove, one scenario each, one file a kind of server."""

from __future__ import annotations

from scenarios.conformance import mysql
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (*mysql.SCENARIOS,)
