"""The table of all scenarios."""

from __future__ import annotations

from collections import Counter

from scenarios import SCENARIOS, conformance, contract, failover, isolation, platform, throughput

_GROUPS = (conformance, contract, failover, isolation, platform, throughput)


def test_no_two_scenarios_share_a_name() -> None:
    """In a table by name, the later one would silently take the earlier one's place."""
    names = Counter(scenario.name for group in _GROUPS for scenario in group.SCENARIOS)
    assert not [name for name, count in names.items() if count > 1]
    assert set(SCENARIOS) == set(names)
