"""The scenarios of the gateway and the services on a whole real platform, as it is and spoiled by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scenarios import contract
from scenarios import platform as services
from scenarios.platform.bad_messages import bad_messages
from scenarios.platform.commit_kills import orders_killed_at_commit
from scenarios.platform.last_items import last_items
from sim.clock import SystemClock
from sim.history import History
from sim.images.model import ResolvedImage
from sim.judging import judge
from sim.record import ScenarioResult
from sim.rehearsal import Rehearsal
from sim.runtime.stack import LiveStack
from sim.scenario import Evidence, Scenario
from sim.topology.load import parse_topology
from sim.verdict import Status

# Crowds, floods and kills as they are, only fewer: the full numbers are a run's.
_FEWER = (last_items(40, 10), bad_messages(600), orders_killed_at_commit(3))
_SCENARIOS = {
    **{scenario.name: scenario for scenario in (*contract.SCENARIOS, *services.SCENARIOS)},
    **{scenario.name: scenario for scenario in _FEWER},
}


def _played(stack: LiveStack, scenario: Scenario) -> ScenarioResult:
    topology = parse_topology(stack.memory.topology, "the stack's topology")
    clock, history = SystemClock(), History()
    Rehearsal(topology, stack, clock, 1, history, clock.now_s()).play([scenario], lambda *_: None)
    images: dict[str, ResolvedImage] = {server.kind: server.image for server in stack.plan.servers}
    evidence = Evidence(history.of(scenario.name), topology, stack.plan.environment, images)
    return judge(scenario, evidence)


@pytest.mark.parametrize("name", tuple(_SCENARIOS))
def test_the_claim_holds_on_real_servers(platform: LiveStack, name: str) -> None:
    """PASS, with the services marked as stand-ins."""
    result = _played(platform, _SCENARIOS[name])
    assert result.verdict is Status.PASS, (result.reason, result.evidence)


@contextmanager
def _permitted(stack: LiveStack, user: str, *patterns: str) -> Iterator[None]:
    """A broker user's rights, until the block is left."""
    node = stack.plan.of_kind("rabbitmq")[0]
    vhost = node.facts["vhost"]
    before = stack.servers.broker().permissions(vhost)[user]
    change = ("rabbitmqctl", "set_permissions", "-p", vhost, user)
    assert stack.engine.execute(node.name, (*change, *patterns))[0] == 0
    try:
        yield
    finally:
        assert stack.engine.execute(node.name, (*change, *before))[0] == 0


def test_a_mighty_broker_user_breaks_the_contract(platform: LiveStack) -> None:
    """Least privilege is asked of the broker itself, and what is too much is named."""
    with _permitted(platform, "payments-service", ".*", ".*", ".*"):
        result = _played(platform, _SCENARIOS["contract/payments"])
    assert result.verdict is Status.FAIL
    assert any("may configure, write, read everything" in line for line in result.evidence)


def test_a_service_that_hears_nothing_breaks_the_journey(platform: LiveStack) -> None:
    """With newsletters frozen an order's mail is never written: the journey fails at that step, by name."""
    platform.control.pause("newsletters-service")
    try:
        result = _played(platform, _SCENARIOS["platform/shopping-journey"])
    finally:
        platform.control.unpause("newsletters-service")
    assert result.verdict is Status.FAIL
    assert any("every step of the saga is done" in line for line in result.evidence), result.evidence
