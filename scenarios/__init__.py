"""Every scenario there is, by name, in the order of a full run."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios import conformance
from sim.scenario import Scenario

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in (*conformance.SCENARIOS,)}
