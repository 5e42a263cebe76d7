"""How much the platform carries, and how fast, at a rate that waits for nobody."""

from __future__ import annotations

from scenarios.throughput.broker import BROKER
from scenarios.throughput.broker_loss import broker_loss
from scenarios.throughput.capacity_model import CAPACITY_MODEL
from scenarios.throughput.gateway import GATEWAY
from scenarios.throughput.knee import knee
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (BROKER, GATEWAY, knee(), broker_loss(), CAPACITY_MODEL)
