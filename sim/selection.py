"""Which scenarios a user means by the patterns given."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence

from sim.errors import BadInput
from sim.scenario import Scenario


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
