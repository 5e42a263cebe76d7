"""The leader's drill on real servers with its queue turned classic by hand: it must fail and name what was lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from scenarios import SCENARIOS
from scenarios.failover import broker_drills
from sim.clock import SystemClock
from sim.history import History
from sim.judging import judge
from sim.rehearsal import Rehearsal
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached
from sim.scenario import Evidence
from sim.topology.load import parse_topology
from sim.verdict import Status

STACK = "drill-controls"
DRILL = SCENARIOS["failover/broker-leader"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The broker's three nodes, up for this module, in a state folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        program = [sys.executable, "-m", "sim"]
        subprocess.run([*program, "up", "--only", "rabbitmq-cluster", "--stack", STACK], check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([*program, "down", "--stack", STACK], check=True)


def test_a_queue_turned_classic_fails_the_leaders_drill_and_names_the_lost(
    stack: LiveStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same messages, same death, no copies: what was acknowledged and not yet consumed is gone, by its ids."""
    classic = {**broker_drills.MAIN_QUEUE_ARGUMENTS, "x-queue-type": "classic"}
    monkeypatch.setattr(broker_drills, "MAIN_QUEUE_ARGUMENTS", classic)
    # Nobody else can lead such a queue: there is no use in waiting a minute for it.
    monkeypatch.setattr(broker_drills, "RECOVERY_DEADLINE_S", 4.0)
    topology = parse_topology(stack.memory.topology, "the stack's topology")
    clock, history = SystemClock(), History()
    Rehearsal(topology, stack, clock, 7, history, clock.now_s()).play([DRILL], lambda *_: None)
    images = {server.image.component: server.image for server in stack.plan.servers}
    result = judge(DRILL, Evidence(history.of(DRILL.name), topology, "development", images))
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.numbers["lost"] > 0
    assert any("acknowledged messages lost: m-0" in line for line in result.evidence), result.evidence
