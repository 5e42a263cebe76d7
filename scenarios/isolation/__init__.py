"""Who may reach what, and who may not: expected tables from the document against observed ones."""

from __future__ import annotations

from scenarios.isolation.databases import DATABASES
from sim.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (DATABASES,)
