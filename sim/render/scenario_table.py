"""The scenario table as a page of documentation, derived from the table itself."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from sim.scenario import Scenario

HEADER = """\
# Scenarios

Rendered by `sim render scenarios scenarios`; edit the scenarios, not this page. The number in brackets is the section
of the document that makes the claim. ◐ marks a claim about the product itself, which a stand-in cannot prove; ▣ what
measures the machine as well and has it to itself, also under `--jobs`.
"""


def render_scenarios(scenarios: Mapping[str, Scenario]) -> str:
    """Markdown: one table a group, in the order of a full run."""
    parts = [HEADER]
    for group, members in groupby(scenarios.values(), key=lambda scenario: scenario.group):
        rows = [_row(scenario) for scenario in members]
        parts.append(
            f"\n## {group} ({len(rows)})\n\n| scenario | claim | needs |\n| --- | --- | --- |\n" + "".join(rows)
        )
    return "".join(parts)


def _row(scenario: Scenario) -> str:
    mark = (" ◐" if scenario.product_claim else "") + (" ▣" if scenario.undisturbed else "")
    claim = scenario.claim.replace("|", "\\|")
    return f"| `{scenario.name}`{mark} | {claim} [{scenario.section}] | {', '.join(scenario.needs)} |\n"
