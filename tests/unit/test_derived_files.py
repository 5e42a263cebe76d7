"""Derived files in the repository are what would be derived now."""

from __future__ import annotations

from pathlib import Path

from scenarios import SCENARIOS
from sim.preparing import Wanted, planner, read_document
from sim.render.compose import render_compose
from sim.render.documented import documented_images
from sim.render.scenario_table import render_scenarios

ROOT = Path(__file__).parents[2]


def test_the_committed_compose_project_is_not_stale() -> None:
    """compose/compose.yaml equals what the topology renders to; `nox -s docs` mends it."""
    document = read_document(None)
    plan = planner(document, Wanted(), documented_images(document.topology))("10.0.0.0/24")
    assert (ROOT / "compose" / "compose.yaml").read_text() == render_compose(plan, initialised=False)


def test_the_committed_scenario_table_is_not_stale() -> None:
    """scenarios/README.md lists today's scenarios; `nox -s docs` mends it."""
    assert (ROOT / "scenarios" / "README.md").read_text() == render_scenarios(SCENARIOS)
