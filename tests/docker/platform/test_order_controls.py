"""The drills of orders on real services that lose an order, or do one twice: each must fail and name what became of it.

The controls are images of their own, made of the service's image and one file: no service can be told to forget.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scenarios.failover import shop_drills
from sim.checks.blast import Reach
from sim.clock import SystemClock
from sim.history import History
from sim.images.model import ResolvedImage
from sim.images.recipe import context_tar
from sim.judging import judge
from sim.record import ScenarioResult
from sim.rehearsal import Rehearsal
from sim.runtime.stack import LiveStack
from sim.scenario import Evidence, Scenario
from sim.topology.load import parse_topology
from sim.verdict import Status

_CONTROLS = Path(__file__).parent / "controls"
_BOUND_S = 20.0


@contextmanager
def _started_as(platform: LiveStack, server: str, control: str) -> Iterator[None]:
    """The server from an image that also has ``control`` in it, until the block is left; then its own again."""
    client, tag = platform.engine.client, f"sim-control/{control.replace('_', '-')}:{platform.id}"
    spec = platform.plan.server(server)
    recipe = f"FROM {spec.image.reference}\nLABEL sim.control={control}\nCOPY sitecustomize.py /srv/\n"
    with context_tar({"sitecustomize.py": _CONTROLS / f"{control}.py"}, {"Dockerfile": recipe}) as context:
        client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True)
    try:
        platform.control.replace(server, tag)
        platform.wait_ready(server)
        yield
    finally:
        platform.control.replace(server, "")
        platform.wait_ready(server)
        client.api.remove_image(tag, force=True)


def _drill(name: str) -> Scenario:
    """The shop's drill of one service's death, whichever service."""
    victim = shop_drills._pod_of(lambda stage: stage.topology.services[name].name)
    return shop_drills._scenario(
        f"{name}-control", "It is caught.", "3", victim, reach=Reach(_BOUND_S), source="Negative control"
    )


def _played(stack: LiveStack, scenario: Scenario, seed: int) -> ScenarioResult:
    """``seed`` differs between drills of one name: what one sold keeps its names on the stack."""
    topology = parse_topology(stack.memory.topology, "the stack's topology")
    clock, history = SystemClock(), History()
    Rehearsal(topology, stack, clock, seed, history, clock.now_s()).play([scenario], lambda *_: None)
    images: dict[str, ResolvedImage] = {server.kind: server.image for server in stack.plan.servers}
    return judge(scenario, Evidence(history.of(scenario.name), topology, stack.plan.environment, images))


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lost never settles: there is no use in waiting a minute and a half for it."""
    monkeypatch.setattr(shop_drills, "_SETTLED_S", 8.0)


def test_orders_announced_from_memory_are_lost_and_named(platform: LiveStack) -> None:
    """Killed between commit and publication without an outbox: accepted, and neither delivered nor sold."""
    with _started_as(platform, "orders-service", "announces_from_memory"):
        result = _played(platform, _drill("orders"), seed=1)
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert any("has 0 deliveries" in line or "not confirmed" in line for line in result.evidence), result.evidence


def test_orders_sold_again_on_redelivery_are_doubled_and_named(platform: LiveStack) -> None:
    """Killed between commit and acknowledgement without an inbox: one order, two movements of stock."""
    with _started_as(platform, "products-service", "sells_again"):
        result = _played(platform, _drill("products"), seed=2)
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert any("moved stock 2 times" in line for line in result.evidence), result.evidence


def test_the_same_drill_passes_on_the_services_as_they_are(platform: LiveStack) -> None:
    """What the controls fail is not the drill's own doing."""
    result = _played(platform, _drill("products"), seed=3)
    assert result.verdict is Status.PASS, (result.reason, result.evidence)
