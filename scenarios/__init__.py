"""Every scenario there is, by name, in the order of a full run."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios import conformance, contract, failover, isolation, limits, platform, throughput
from sim.scenario import Scenario

# What only looks comes before what breaks things, and the load comes last.
SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        *conformance.SCENARIOS,
        *isolation.SCENARIOS,
        *contract.SCENARIOS,
        *platform.SCENARIOS,
        *failover.SCENARIOS,
        *limits.SCENARIOS,
        *throughput.SCENARIOS,
    )
}
