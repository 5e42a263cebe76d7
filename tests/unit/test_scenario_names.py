"""The table of all scenarios."""

from __future__ import annotations

from collections import Counter

import scenarios

_GROUPS = [group for group in vars(scenarios).values() if hasattr(group, "SCENARIOS") and group is not scenarios]


def test_no_two_scenarios_share_a_name() -> None:
    """In a table by name, the later one would silently take the earlier one's place."""
    names = Counter(scenario.name for group in _GROUPS for scenario in group.SCENARIOS)
    assert not [name for name, count in names.items() if count > 1]
    assert set(scenarios.SCENARIOS) == set(names)
