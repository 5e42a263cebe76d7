"""Which scenarios a user means by the patterns given."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sim.errors import BadInput
from sim.scenario import Scenario

_MINUTES = "minutes"
"""The parameter of a scenario that can be played for any time."""


def select(
    scenarios: Mapping[str, Scenario], patterns: Sequence[str], *, essential_only: bool = False
) -> tuple[Scenario, ...]:
    """Those whose name matches any shell pattern, in the table's order; all of them when no pattern is given.

    A bare group (``conformance``) means all of it. Raises BadInput for a pattern that matches nothing, with near names.
    """
    chosen: set[str] = set()
    for pattern in patterns or ("*",):
        whole = f"{pattern}/*" if "/" not in pattern else pattern
        matched = {name for name in scenarios if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, whole)}
        if not matched:
            near = difflib.get_close_matches(pattern, scenarios, n=3, cutoff=0.4)
            raise BadInput(
                f"No scenario matches {pattern!r}.",
                next_step=f"{', '.join(near)}; or sim list" if near else "sim list",
            )
        chosen |= matched
    return tuple(
        scenario
        for name, scenario in scenarios.items()
        if name in chosen and (scenario.essential or not essential_only)
    )


def lasting(scenarios: Sequence[Scenario], minutes: float | None) -> tuple[Scenario, ...]:
    """Those that can be played for any time play for ``minutes``. Raises BadInput when none of them can."""
    if minutes is None:
        return tuple(scenarios)
    if not any(_MINUTES in scenario.parameters for scenario in scenarios):
        raise BadInput(
            "None of the matching scenarios can be played for a time of your choice.",
            next_step="leave out --minutes, or run failover/game-day",
        )
    return tuple(
        replace(scenario, parameters={**scenario.parameters, _MINUTES: minutes})
        if _MINUTES in scenario.parameters
        else scenario
        for scenario in scenarios
    )
