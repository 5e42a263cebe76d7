"""Load on a whole real platform: a service that sleeps is named; limits kill what the document says they kill."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scenarios.limits import SCENARIOS as LIMITS
from scenarios.throughput.knee import Ladder, knee
from sim.clock import SystemClock
from sim.history import History, Observation
from sim.images.model import ResolvedImage
from sim.judging import judge
from sim.record import ScenarioResult
from sim.rehearsal import Rehearsal
from sim.runtime import labels
from sim.runtime.stack import LiveStack
from sim.scenario import Evidence, Scenario
from sim.topology.load import parse_topology
from sim.verdict import Status

_SLEEPY = "products-service"
_UNASKED = "contacts-service"
"""No journey of the mix asks it for anything."""
_STARVED = "baskets-service-mysql"
_LEAST_CORES = 0.01
_HANDLER = "return _encoded(handler(call), call.route)"
_RECIPE = """FROM {base}
LABEL {label}={stack}
USER root
RUN sed -i 's/{handler}/time.sleep(0.05); {handler}/' /srv/sim/services/chassis/requests.py \\
 && grep -q 'time.sleep(0.05)' /srv/sim/services/chassis/requests.py \\
 && rm -f /srv/sim/services/chassis/__pycache__/requests.*
"""
_READY_S = 60.0


def _played(stack: LiveStack, scenario: Scenario) -> tuple[ScenarioResult, tuple[Observation, ...]]:
    topology = parse_topology(stack.memory.topology, "the stack's topology")
    clock, history = SystemClock(), History()
    Rehearsal(topology, stack, clock, 1, history, clock.now_s()).play([scenario], lambda *_: None)
    images: dict[str, ResolvedImage] = {server.kind: server.image for server in stack.plan.servers}
    seen = history.of(scenario.name)
    return judge(scenario, Evidence(seen, topology, stack.plan.environment, images)), seen


@contextmanager
def _sleeping(stack: LiveStack, service: str) -> Iterator[None]:
    """The service as it is, but each of its handlers sleeps 50 ms before it answers."""
    client, base = stack.engine.client, stack.plan.server(service).image.reference
    recipe = _RECIPE.format(base=base, label=labels.STACK, stack=stack.id, handler=_HANDLER)
    tag = f"sim/sleepy:{stack.id}"
    client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=tag, rm=True, forcerm=True)
    try:
        stack.control.replace(service, tag)
        stack.wait_ready(service, deadline_s=_READY_S)
        yield
    finally:
        stack.control.replace(service, "")
        stack.wait_ready(service, deadline_s=_READY_S)
        client.images.remove(tag, force=True)


def test_fifty_milliseconds_of_sleep_in_one_service_are_found_by_name(platform: LiveStack) -> None:
    """At a rate that saturates nothing: its handlers take 50 ms, off the CPU, where the others take a few."""
    with _sleeping(platform, _SLEEPY):
        time.sleep(1.0)  # its first requests pay for its caches
        result, seen = _played(platform, knee(Ladder((12.0, 24.0), 6.0, refinements=0)))
    slow = [line for line in result.evidence if line.startswith("cause: ") and "off the CPU" in line]
    assert slow, (result.reason, result.evidence)
    assert slow[0].startswith(f"cause: {_SLEEPY}: "), slow
    assert f"{_SLEEPY} (slow by itself)" in next(line for line in result.evidence if line.startswith("named first"))
    handled = [o.detail for o in seen if o.op == "handling" and o.target == _SLEEPY]
    assert all(float(detail["handling_ms"]) >= 50 for detail in handled)


def test_a_starved_database_is_named_and_a_sleeper_that_nobody_asks_is_not(platform: LiveStack) -> None:
    """Its service's handlers wait, and the kernel says who held the database back; what no request meets slows none."""
    with _sleeping(platform, _UNASKED), _starved(platform, _STARVED):
        result, seen = _played(platform, knee(Ladder((12.0, 24.0), 6.0, refinements=0)))
    named = next(line for line in result.evidence if line.startswith("named first"))
    assert named.startswith(f"named first: {_STARVED} (CPU limit)"), result.evidence
    assert not [line for line in result.evidence if _UNASKED in line], result.evidence
    held = [o.detail for o in seen if o.op == "cores" and o.target == _STARVED]
    assert all(float(detail["throttled_share"]) >= 0.25 for detail in held), held


@contextmanager
def _starved(stack: LiveStack, server: str) -> Iterator[None]:
    """A hundredth of a core: a transaction takes more than the kernel gives it in one period."""
    before = stack.control.state(server).cpu_limit_cores
    stack.control.limit(server, cpu_cores=_LEAST_CORES)
    try:
        yield
    finally:
        stack.control.limit(server, cpu_cores=before)


@pytest.mark.parametrize("name", ["limits/mysql-stock", "limits/redis"])
def test_limits_are_applied_for_real(platform: LiveStack, name: str) -> None:
    """256Mi kill a stock MySQL (contradiction C5) and leave Redis alone."""
    scenario = next(s for s in LIMITS if s.name == name)
    result, _ = _played(platform, scenario)
    if name == "limits/redis":
        assert result.verdict is Status.PASS, result.evidence
        return
    if result.fidelity == "stand-in":
        pytest.skip("another database stands in here: how much memory it needs is not MySQL's")
    assert result.verdict is Status.FAIL, result.evidence
    assert "under development's 256Mi and 100m: killed for want of memory" in result.reason
    assert len(result.evidence) >= 3
