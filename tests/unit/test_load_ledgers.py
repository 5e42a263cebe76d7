"""The pipelined publisher and the consumers on a modelled broker: each message on record, each consumer's end told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sim.checks.ledger import ledger
from sim.clock import SteppedClock
from sim.history import Outcome, only
from sim.load.consuming import CONSUMER, Readers, consuming
from sim.load.publishing import LOAD, Letters, id_of, pipelining
from sim.plan.pods import build_plan
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.scenario import Stage
from sim.servers.messaging_protocol import ConsumerMode
from tests.unit.drill_histories import topology
from tests.unit.staging import stage as bare_stage

_LETTERS = Letters("publish", "sim.q", "m", rate_per_s=100.0, body_bytes=64)


@pytest.fixture
def stage() -> Stage:
    """A stage on a modelled cluster with one quorum queue, ``sim.q``."""
    clock = SteppedClock()
    plan = build_plan(topology(), "development", fake_images(topology()), "192.0.2.0/24")
    platform = FakePlatform(topology(), plan, clock, 1)
    platform.servers.broker().declare_queue("sim.q", {})
    return replace(bare_stage(clock=clock), plan=plan, servers=platform.servers, control=platform.control)


def _publish(stage: Stage, seconds: float, letters: Letters = _LETTERS) -> None:
    with pipelining(stage, stage.servers.broker().pipeline(1), letters) as load:
        stage.clock.sleep_s(seconds)
        assert not load.failure


def test_every_pipelined_message_is_on_record_once(stage: Stage) -> None:
    """As many as the rate gives, each confirmed, and the end says how many were attempted."""
    _publish(stage, 2.0)
    published = only(stage.history, "publish")
    (end,) = only(stage.history, LOAD)
    assert 195 <= len(published) == end.detail["attempted"] <= 205
    assert {o.outcome for o in published} == {Outcome.OK}
    assert len({o.detail["id"] for o in published}) == len(published)
    body = stage.servers.broker().get("sim.q") or b""
    assert (len(body), id_of(body)) == (64, published[0].detail["id"])


def test_an_unroutable_message_is_returned_and_failed(stage: Stage) -> None:
    """Confirmed by the broker and delivered nowhere: FAILED, with what was said."""
    _publish(stage, 0.2, Letters("publish", "sim.nowhere", "m", rate_per_s=100.0))
    assert {(o.outcome, o.detail["message"]) for o in only(stage.history, "publish")} == {
        (Outcome.FAILED, "returned: 312 NO_ROUTE")
    }


def test_what_was_in_flight_when_all_nodes_died_is_unsure(stage: Stage) -> None:
    """Nobody can tell; what is tried while nobody listens is surely not taken."""
    nodes = stage.servers.broker().nodes
    letters = Letters("publish", "sim.q", "m", rate_per_s=100.0, timeout_s=0.5)
    with pipelining(stage, stage.servers.broker().pipeline(1), letters):
        for node in nodes[:2]:
            stage.control.kill(node)
        stage.clock.sleep_s(1.0)
        stage.control.kill(nodes[2])
        stage.clock.sleep_s(2.0)
    outcomes = [o.outcome for o in only(stage.history, "publish")]
    assert Outcome.UNSURE in outcomes
    assert outcomes[-1] is Outcome.FAILED


@pytest.mark.parametrize("modes", [("async",), ("polling",), ("async", "polling")])
def test_consumers_work_off_every_message_once(stage: Stage, modes: tuple[ConsumerMode, ...]) -> None:
    """However they take them: none lost, none twice while nobody dies, and each consumer's end is told."""
    with consuming(stage, Readers("consume", "sim.q", modes, 500.0)):
        _publish(stage, 1.0)
        stage.clock.sleep_s(1.0)
    books = ledger(only(stage.history, "publish"), only(stage.history, "consume"))
    assert (books.lost, books.unexpected, books.duplicated) == ((), (), ())
    ends = only(stage.history, CONSUMER)
    assert [o.outcome for o in ends] == [Outcome.OK] * len(modes)
    assert sum(o.detail["processed"] for o in ends) == len(books.consumed) == len(books.acknowledged)


@pytest.mark.parametrize(("acknowledges_first", "loses"), [(False, False), (True, True)])
def test_only_a_consumer_that_acknowledges_first_loses_what_it_held(
    stage: Stage, acknowledges_first: bool, loses: bool
) -> None:
    """Killed with messages in hand: the honest one gets them again, the other's are gone and the ledger names them."""
    readers = Readers("consume", "sim.q", ("async",), 50.0, acknowledges_first=acknowledges_first)
    with consuming(stage, readers) as reading:
        _publish(stage, 1.0)
        reading.kill()
        stage.clock.sleep_s(4.0)
    books = ledger(only(stage.history, "publish"), only(stage.history, "consume"))
    assert bool(books.lost) is loses


def test_a_broken_consumer_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is on record as failed, with the reason."""

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("broken")

    consumer = stage.servers.broker().consumer("sim.q", "async", prefetch=1, seed=1)
    monkeypatch.setattr(type(consumer), "take", broken)
    with consuming(stage, Readers("consume", "sim.q", ("async",), 50.0)):
        stage.clock.sleep_s(0.2)
    (end,) = only(stage.history, CONSUMER)
    assert (end.outcome, end.detail["message"]) == (Outcome.FAILED, "ZeroDivisionError: broken")
