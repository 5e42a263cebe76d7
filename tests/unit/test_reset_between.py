"""Between two scenarios: what one left behind is taken away, or the next is not judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sim.clock import SteppedClock
from sim.errors import Unreachable
from sim.fresh import Reset, Restored
from sim.history import History, Outcome
from sim.judging import RIG_FAULT, judge
from sim.pipeline import Run
from sim.preparing import Document, Wanted
from sim.rehearsal import RESET, Rehearsal
from sim.runtime.fake.venue import FakeVenue
from sim.scenario import Evidence, Scenario, Stage
from sim.topology.load import topology_text
from sim.verdict import Status, Verdict, passed
from tests.unit.plan_sample import packaged

_KEY, _QUEUE = "basket:7", "sim.left"


def _all_fine(_evidence: Evidence) -> Verdict:
    return passed("all fine")


def _leave(stage: Stage) -> None:
    """A key, a queue with a message, an object and a row: what a scenario may leave."""
    servers = stage.servers
    servers.cache().set(_KEY, "1")
    servers.broker().declare_queue(_QUEUE)
    servers.broker().publisher(1).publish("", _QUEUE, b"left")
    store = servers.object_store()
    store.put(store.buckets()[0], "left", b"left")
    servers.sql(stage.plan.of_kind("mysql")[0].name).shelf("auth_db", "sim_ledger_left").write("left")
    stage.record("left", "redis", Outcome.OK)


def _look(stage: Stage) -> None:
    servers = stage.servers
    store = servers.object_store()
    found = {
        "key": servers.cache().get(_KEY) is not None,
        "queue": servers.broker().queue(_QUEUE) is not None,
        "object": store.get(store.buckets()[0], "left").accepted,
        "row": bool(servers.sql(stage.plan.of_kind("mysql")[0].name).shelf("auth_db", "sim_ledger_left").inventory()),
    }
    stage.record("seen", "redis", Outcome.OK, **found)


def _scenario(name: str, rehearse: Callable[[Stage], None], *, marks: bool = False) -> Scenario:
    return Scenario(f"group/{name}", f"{name} holds.", "8", ("redis",), rehearse, _all_fine, leaves_a_mark=marks)


LEAVES, LOOKS = _scenario("leaves", _leave, marks=True), _scenario("looks", _look)


def _venue() -> FakeVenue:
    kinds = frozenset({"redis", "rabbitmq", "object-store", "mysql"})
    return FakeVenue.of(packaged(), Wanted(kinds=kinds), SteppedClock(), 1)  # type: ignore[arg-type] # names of kinds


def _played(*scenarios: Scenario, venue: FakeVenue | None = None, resets: bool = True) -> History:
    place, history = venue or _venue(), History()
    clock = place.platform.processes.clock
    Rehearsal(packaged(), place, clock, 1, history, clock.now_s(), resets=resets).play(scenarios, lambda *_: None)
    return history


def _verdict(history: History, scenario: Scenario) -> tuple[Status, str]:
    images = {server.image.component: server.image for server in _venue().plan.servers}
    result = judge(scenario, Evidence(history.of(scenario.name), packaged(), "development", images))
    return result.verdict, result.reason


def test_what_a_scenario_leaves_is_gone_before_the_next() -> None:
    """A message, a key, an object and a row; the history says what was found, under a name of its own."""
    history = _played(LEAVES, LOOKS)
    (seen,) = history.of(LOOKS.name)
    assert dict(seen.detail) == {"key": False, "queue": False, "object": False, "row": False}
    told = history.of(RESET)
    assert {o.outcome for o in told} == {Outcome.OK}
    assert told[-1].detail["after"] == LEAVES.name
    assert sum(len(o.detail.get("found", ())) for o in told) >= 4
    assert _verdict(history, LOOKS)[0] is Status.PASS


@pytest.mark.parametrize("resets", [True, False])
def test_only_marks_are_followed_by_a_reset_and_only_on_a_stack_of_ones_own(*, resets: bool) -> None:
    """What looks and leaves nothing costs nothing; what is somebody's own is left to them; the last has no next."""
    assert not _played(LOOKS, LOOKS, LEAVES, resets=resets).of(RESET)
    history = _played(LEAVES, LOOKS, resets=resets)
    assert bool(history.of(RESET)) is resets
    assert history.of(LOOKS.name)[0].detail["key"] is not resets


def test_a_scenario_that_broke_is_followed_by_a_reset() -> None:
    """Nobody knows what it left."""

    def breaks(stage: Stage) -> None:
        _leave(stage)
        raise Unreachable("gone")

    history = _played(_scenario("breaks", breaks), LOOKS)
    assert history.of(RESET)
    assert not history.of(LOOKS.name)[0].detail["key"]


def test_on_a_stack_that_is_not_fresh_the_next_is_unknown() -> None:
    """What clings is named; the one after tries again, and passes once it is gone."""
    venue = _venue()
    venue.platform.resets.clings.add("redis")
    again = _scenario("again", _look)

    def let_go(_scenario: Scenario, number: int, _total: int) -> None:
        if number == 3:
            venue.platform.resets.clings.clear()

    history, clock = History(), venue.platform.processes.clock
    rehearsal = Rehearsal(packaged(), venue, clock, 1, history, clock.now_s(), resets=True)
    rehearsal.play((LEAVES, LOOKS, again), let_go)
    (fault,) = history.of(LOOKS.name)
    assert fault.op == RIG_FAULT
    assert "not fresh after group/leaves: redis: values" in fault.detail["message"]
    status, reason = _verdict(history, LOOKS)
    assert status is Status.UNKNOWN
    assert "redis" in reason
    assert _verdict(history, again)[0] is Status.PASS
    assert not history.of(again.name)[0].detail["key"]


def test_a_reset_that_cannot_be_tried_is_the_rigs_fault() -> None:
    """The engine is gone: the next is UNKNOWN with those words."""

    class Broken:
        def __init__(self, venue: FakeVenue) -> None:
            self.plan, self.servers, self.control = venue.plan, venue.servers, venue.control
            self.clock = venue.platform.processes.clock

        def reset(self) -> Reset:
            raise Unreachable("The engine does not answer.")

    place, history = Broken(_venue()), History()
    rehearsal = Rehearsal(packaged(), place, place.clock, 1, history, 0.0, resets=True)
    rehearsal.play((LEAVES, LOOKS), lambda *_: None)
    assert _verdict(history, LOOKS)[0] is Status.UNKNOWN
    assert "The engine does not answer." in history.of(LOOKS.name)[0].detail["message"]


def test_a_canary_that_nobody_saw_is_a_problem() -> None:
    """A look that finds nothing because it cannot see is no proof."""
    parts = (Restored("redis", "cache"),)
    assert not Reset(parts, 1.0, canaries=1).problem
    assert Reset(parts, 1.0, canaries=1, unseen=("redis",)).problem.startswith("redis: ")
    assert "5 rows" in Reset((replace(parts[0], left=("5 rows",)),), 1.0).problem


def test_a_run_tells_what_its_resets_took(tmp_path: Path) -> None:
    """Beside the scenarios' own time, in the record; and the offline verdict is the same."""
    directory = tmp_path / "reports" / "20261123T091502Z"
    directory.mkdir(parents=True)
    clock = SteppedClock()
    venue = FakeVenue.of(packaged(), Wanted(kinds=frozenset({"redis", "rabbitmq", "object-store", "mysql"})), clock, 1)
    document = Document(topology_text(), packaged())
    run = Run(document, "development", (LEAVES, LOOKS), 7, "fake", False, directory, clock, lambda *_: None)  # noqa: FBT003
    record = replace(run, resets=True).on(venue, {})
    assert record.durations["resets_s"] >= 0
    assert [r.verdict for r in record.scenarios] == [Status.PASS] * 2
    lines = [json.loads(line) for line in (directory / "history.jsonl").read_text().splitlines()]
    assert any(line["scenario"] == RESET for line in lines)
