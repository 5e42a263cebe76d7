"""Derived files in the repository are what would be derived now."""

from __future__ import annotations

from pathlib import Path

from scenarios import SCENARIOS
from sim.preparing import Wanted, planner, read_document
from sim.render.compose import render_compose
from sim.render.contract_page import render_contract
from sim.render.documented import documented_images
from sim.render.scenario_table import render_scenarios
from sim.services.contract.environment import EVERY_SERVICE
from sim.services.contract.events import EVENTS
from sim.services.contract.queues import service_queues
from sim.services.contract.signals import SERVICE_SIGNALS

ROOT = Path(__file__).parents[2]


def test_the_committed_compose_project_is_not_stale() -> None:
    """compose/compose.yaml equals what the topology renders to; `nox -s docs` mends it."""
    document = read_document(None)
    plan = planner(document, Wanted(), documented_images(document.topology))("10.0.0.0/24")
    assert (ROOT / "compose" / "compose.yaml").read_text() == render_compose(plan, initialised=False)


def test_the_committed_contract_is_not_stale() -> None:
    """compose/CONTRACT.md is today's contract; `nox -s docs` mends it."""
    topology = read_document(None).topology
    assert (ROOT / "compose" / "CONTRACT.md").read_text() == render_contract(topology)


def test_the_contract_names_everything_an_image_is_given_and_hears() -> None:
    """Every service, event, queue and variable stands on the page."""
    topology = read_document(None).topology
    page = render_contract(topology)
    deployments = {key: service.name for key, service in topology.services.items()}
    named = (
        *deployments.values(),
        *(event.name for event in EVENTS),
        *(queue.name for queue in service_queues(deployments)),
        *EVERY_SERVICE,
        *SERVICE_SIGNALS.values(),
    )
    assert not [name for name in named if f"`{name}`" not in page]


def test_the_committed_scenario_table_is_not_stale() -> None:
    """scenarios/README.md lists today's scenarios; `nox -s docs` mends it."""
    assert (ROOT / "scenarios" / "README.md").read_text() == render_scenarios(SCENARIOS)
