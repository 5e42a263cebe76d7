"""Calibration: real servers stand still for an exactly known time, and each kind of ledger says how long it was."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

import pytest

from scenarios.failover import broker_drills, kept, rows, shop_drills
from sim.checks.recovery import Course, course
from sim.clock import SystemClock
from sim.faults.stage import stage_on
from sim.history import only
from sim.load.probing import Question, probing
from sim.load.publishing import Letters, pipelining
from sim.load.writing import Entries, writing
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached
from sim.scenario import Stage
from sim.topology.load import parse_topology
from tests.docker.frozen import Still, freeze

STACK = "recovery-test"
_PROMISED_S = 0.020
_STEADY, _STEADY_DEADLINE_S, _POLL_S = 10, 20.0, 0.05
_STEADY_S, _AFTER_S = (1.0, 1.1), 0.6
_TIMES, _MOST_TIMES = 3, 6
_RECOVERS_S = {"publish": 0.1, "call": 0.05}
"""What a server takes before it serves again: a queue's members see each other, a gateway its broker."""
_QUEUE, _TABLE, _PREFIX = "sim.recovery", "sim_recovery", "sim.recovery."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """One service with its database, the gateway, the broker, the store and the cache, up for this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        program = [sys.executable, "-m", "sim"]
        subprocess.run([*program, "up", "--only", "questions,api-gateway,minio,redis", "--stack", STACK], check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([*program, "down", "--stack", STACK], check=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is tried, as which operation, and which servers stand still."""

    op: str
    servers: tuple[str, ...]
    load: Callable[[Stage], AbstractContextManager[object]]


def _messages(stack: LiveStack) -> Kind:
    broker = stack.servers.broker()
    broker.declare_queue(_QUEUE, {})
    letters = Letters("publish", _QUEUE, "m", broker_drills.RATE_PER_S)
    return Kind("publish", broker.nodes, lambda stage: pipelining(stage, broker.pipeline(1), letters))


def _rows(stack: LiveStack) -> Kind:
    topology = parse_topology(stack.memory.topology, "the stack's topology")
    database = topology.databases["questions"]
    server = stack.servers.sql(database.deployment)
    entries = Entries("row", server.name, "r", rows._LOAD.rate_per_s, rows._LOAD.writers)
    shelf = partial(server.shelf, database.schema_name, _TABLE)
    return Kind("row", (server.name,), lambda stage: writing(stage, entries, shelf))


def _entries(stack: LiveStack) -> Kind:
    cache = stack.servers.cache()
    entries = Entries("entry", cache.name, "e", kept._CACHE.rate_per_s, kept._CACHE.writers)
    return Kind("entry", (cache.name,), lambda stage: writing(stage, entries, partial(cache.shelf, _PREFIX)))


def _objects(stack: LiveStack) -> Kind:
    store = stack.servers.object_store()
    topology = parse_topology(stack.memory.topology, "the stack's topology")
    bucket = next(iter(topology.object_store.buckets)).name
    entries = Entries("object", store.name, "o", kept._OBJECTS.rate_per_s, kept._OBJECTS.writers)
    return Kind("object", (store.name,), lambda stage: writing(stage, entries, partial(store.shelf, bucket, _PREFIX)))


def _requests(stack: LiveStack) -> Kind:
    gateway = stack.servers.gateway()
    ask = partial(gateway.request, "GET", shop_drills.KINDS["questions"])
    questions = {"questions": Question(ask, shop_drills._WATCHED_PER_S, shop_drills._ASKERS, insists=True)}
    return Kind("call", (gateway.name,), lambda stage: probing(stage, questions))


def _measure(stack: LiveStack, kind: Kind, rng: random.Random) -> tuple[Still, Course] | None:
    clock = SystemClock()
    stage = stage_on(stack, parse_topology(stack.memory.topology, "the stack's topology"), clock)
    with kind.load(stage):
        ends_s = clock.now_s() + _STEADY_DEADLINE_S
        while len(only(stage.history, kind.op)) < _STEADY and clock.now_s() < ends_s:
            time.sleep(_POLL_S)
        time.sleep(rng.uniform(*_STEADY_S))
        still = freeze(stack, kind.servers, rng.uniform(0.5, 1.2))
        time.sleep(_AFTER_S)
    found = course(only(stage.history, kind.op), still.from_s - stage.origin_s)
    if found is None:
        return None
    return replace(still, from_s=still.from_s - stage.origin_s, to_s=still.to_s - stage.origin_s), found


@pytest.mark.parametrize("kind", [_messages, _rows, _entries, _objects, _requests])
def test_a_known_outage_is_measured_to_twenty_milliseconds(stack: LiveStack, kind: Callable[[LiveStack], Kind]) -> None:
    """Three of a drawn length each; the middle one of the errors counts, beyond what the server itself took to go on.

    A host on which answers stall for longer than that without any fault cannot tell, nor one that does not know to half
    of it for how long the servers stood still.
    """
    tried, rng = kind(stack), random.Random(kind.__name__)  # noqa: S311 - repeatable, not secret
    errors_s: list[float] = []
    for _ in range(_MOST_TIMES):
        measured = _measure(stack, tried, rng)
        if measured is None:
            continue  # nothing was answered twice before they stood still
        still, seen = measured
        found = seen.around(still.from_s, still.to_s)
        if still.most_s - still.least_s <= _PROMISED_S / 2 and seen.stall_s <= _PROMISED_S:
            errors_s.append(found.rto_s - still.length_s)
        if len(errors_s) == _TIMES:
            break
    if len(errors_s) < _TIMES:
        pytest.skip(f"this host is too busy to calibrate {tried.op}")
    # Too long by its own recovery at the most; too short by nothing.
    beyond_s = [max(-error_s, error_s - _RECOVERS_S.get(tried.op, 0.0)) for error_s in errors_s]
    assert statistics.median(beyond_s) <= _PROMISED_S, errors_s
