"""How much the platform carries, and how fast, at a rate that waits for nobody."""

from __future__ import annotations

from scenarios.throughput.broker import BROKER
from scenarios.throughput.gateway import GATEWAY
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (BROKER, GATEWAY)
