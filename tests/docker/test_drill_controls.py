"""What a drill must catch on real servers: things lost by settings, and ledgers that forget or are told twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from scenarios import SCENARIOS
from scenarios.failover import broker_drills
from scenarios.failover.broker_drills import OUTAGE_S, Drill, broker_drill
from sim.checks.broker_drill import PUBLISH, Promise
from sim.clock import SystemClock
from sim.history import History, Observation
from sim.judging import judge
from sim.load.consuming import Readers
from sim.record import ScenarioResult
from sim.rehearsal import Rehearsal
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached
from sim.scenario import Evidence, Scenario
from sim.topology.load import parse_topology
from sim.verdict import Status

STACK = "drill-controls"
_SERVERS = "rabbitmq-cluster,redis,questions-service-mysql,contacts-service-mysql"
_FORGOTTEN = {f"m-{number:06d}" for number in range(20, 25)}
_DOUBLED = tuple(f"m-{number:06d}" for number in range(30, 35))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The broker's three nodes, the cache and two databases, up for this module, in a state folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        program = [sys.executable, "-m", "sim"]
        subprocess.run([*program, "up", "--only", _SERVERS, "--stack", STACK], check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([*program, "down", "--stack", STACK], check=True)


class ForgetfulHistory(History):
    """Some messages that were published it never writes down."""

    def append(self, observation: Observation) -> None:
        if observation.op != PUBLISH or observation.detail["id"] not in _FORGOTTEN:
            super().append(observation)


def _played(stack: LiveStack, drill: Scenario, history: History | None = None) -> ScenarioResult:
    topology = parse_topology(stack.memory.topology, "the stack's topology")
    clock, found = SystemClock(), history or History()
    Rehearsal(topology, stack, clock, 7, found, clock.now_s()).play([drill], lambda *_: None)
    images = {server.image.component: server.image for server in stack.plan.servers}
    return judge(drill, Evidence(found.of(drill.name), topology, "development", images))


def test_a_queue_turned_classic_fails_the_leaders_drill_and_names_the_lost(
    stack: LiveStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same messages, same death, no copies: what was acknowledged and not yet consumed is gone, by its ids."""
    classic = {**broker_drills.MAIN_QUEUE_ARGUMENTS, "x-queue-type": "classic"}
    monkeypatch.setattr(broker_drills, "MAIN_QUEUE_ARGUMENTS", classic)
    # Nobody else can lead such a queue: there is no use in waiting a minute for it.
    monkeypatch.setattr(broker_drills, "RECOVERY_DEADLINE_S", 4.0)
    result = _played(stack, SCENARIOS["failover/broker-leader"])
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.numbers["lost"] > 0
    assert any("acknowledged messages lost: m-0" in line for line in result.evidence), result.evidence


def test_consumers_that_acknowledge_first_fail_their_drill(stack: LiveStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they had in hand when they died was acknowledged and never worked off."""
    monkeypatch.setattr(broker_drills, "Readers", partial(Readers, acknowledges_first=True))
    result = _played(stack, SCENARIOS["failover/consumer-dies"])
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.numbers["lost"] > 0


def test_a_cache_without_its_append_only_file_fails_its_drill(stack: LiveStack) -> None:
    """Entries acknowledged long before the death are gone with it, beyond the second that it may cost."""
    stack.servers.cache().configure("appendonly", "no")
    result = _played(stack, SCENARIOS["failover/cache-entries"])
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.numbers["rpo_ms"] > 1000


def test_databases_that_write_their_log_once_a_second_fail_their_drill(stack: LiveStack) -> None:
    """Transactions that were committed in the last second before the death are gone with the process."""
    for server in stack.plan.of_kind("mysql"):
        stack.servers.sql(server.name).set_global("innodb_flush_log_at_trx_commit", "0")
    result = _played(stack, SCENARIOS["failover/mysql-commits"])
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert 0 < result.numbers["rpo_ms"] <= 2500
    assert result.numbers["lost"] > 0


def test_a_ledger_that_forgets_and_a_message_sent_twice_are_caught(stack: LiveStack) -> None:
    """No pass for a publisher whose count does not add up; what nobody sent and what came twice is counted."""

    def send_again(drill: Drill) -> None:
        publisher = drill.broker.publisher(1)
        for message in _DOUBLED:
            publisher.publish("", drill.queue, message.encode(), persistent=False)
        publisher.close()
        drill.let_pass(OUTAGE_S)

    claim = "Nothing breaks, and the rig is at fault."
    told_twice = broker_drill("told-twice", claim, send_again, Promise(faults=0), source="the rig's own control")
    result = _played(stack, told_twice, ForgetfulHistory())
    assert result.verdict is Status.UNKNOWN, (result.reason, result.evidence)
    assert "the publisher did not end well" in result.reason
    assert (result.numbers["unexpected"], result.numbers["duplicated"]) == (len(_FORGOTTEN), len(_DOUBLED))
    assert any("delivered more than once" in line and _DOUBLED[0] in line for line in result.evidence), result.evidence
