"""How much the platform carries, and how fast, at a rate that waits for nobody."""

from __future__ import annotations

from dataclasses import replace

from scenarios.throughput.autoscaling_live import AUTOSCALING_LIVE
from scenarios.throughput.broker import BROKER
from scenarios.throughput.broker_delivery import BROKER_DELIVERY
from scenarios.throughput.broker_loss import broker_loss
from scenarios.throughput.capacity_model import capacity_model
from scenarios.throughput.gateway import GATEWAY
from scenarios.throughput.knee import knee
from scenarios.throughput.mysql import MYSQL
from scenarios.throughput.object_store import OBJECT_STORE
from scenarios.throughput.redis import REDIS
from scenarios.throughput.requests import REQUESTS
from sim.scenario import Scenario

# One server by itself first, then the whole platform, and last what breaks it. What is measured is the machine's, too.
SCENARIOS: tuple[Scenario, ...] = tuple(
    replace(scenario, undisturbed=True)
    for scenario in (
        BROKER,
        BROKER_DELIVERY,
        MYSQL,
        OBJECT_STORE,
        REDIS,
        REQUESTS,
        GATEWAY,
        knee(),
        capacity_model(),
        AUTOSCALING_LIVE,
        broker_loss(),
    )
)
