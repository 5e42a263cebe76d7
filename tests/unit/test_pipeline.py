"""One run's story on a small platform in memory: selection, rehearsal, verdicts and files, interrupted or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sim.clock import ScaledClock
from sim.errors import BadInput, Unreachable
from sim.history import History, Outcome
from sim.judging import RIG_FAULT
from sim.pipeline import Run
from sim.preparing import Document, Wanted
from sim.record import HISTORY_FILE, RECORD_FILE, TOPOLOGY_FILE, read_record
from sim.rehearsal import Rehearsal
from sim.runtime.fake.venue import FakeVenue
from sim.scenario import Evidence, Scenario, Stage
from sim.selection import select
from sim.topology.load import topology_text
from sim.verdict import Status, Verdict, failed, passed
from tests.unit.plan_sample import packaged

_CLOCK = ScaledClock(1000.0)


def _pings(stage: Stage) -> None:
    for number in range(3):
        stage.record("ping", "redis", Outcome.OK, number=number)


def _all_ok(evidence: Evidence) -> Verdict:
    wrong = [o for o in evidence.observations if o.outcome is not Outcome.OK and o.op != RIG_FAULT]
    return failed("a ping was lost") if wrong else passed("all came back")


def _scenario(name: str, rehearse: Callable[[Stage], None] = _pings, **changes: object) -> Scenario:
    scenario = Scenario(f"group/{name}", f"{name} holds", "8", ("redis",), rehearse, _all_ok)
    return replace(scenario, **changes)  # type: ignore[arg-type] # a test names real fields


def _table(*names: str, **changes: object) -> dict[str, Scenario]:
    return {name: replace(_scenario("x"), name=name, **changes) for name in names}  # type: ignore[arg-type] # likewise


_TABLE = {
    **_table("conformance/mysql-version", "conformance/mysql-databases", "failover/broker-leader"),
    **_table("throughput/broker", essential=False),
}


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ((), list(_TABLE)),
        (("conformance",), ["conformance/mysql-version", "conformance/mysql-databases"]),
        (("conformance/*",), ["conformance/mysql-version", "conformance/mysql-databases"]),
        (("*/broker*",), ["failover/broker-leader", "throughput/broker"]),
        (("throughput/broker", "conformance/mysql-v*"), ["conformance/mysql-version", "throughput/broker"]),
        (("failover", "failover/broker-leader"), ["failover/broker-leader"]),
    ],
)
def test_patterns_choose_in_the_tables_order(patterns: tuple[str, ...], chosen: list[str]) -> None:
    """Shell patterns, bare groups, several at once: each scenario once, in the order of a full run."""
    assert [s.name for s in select(_TABLE, patterns)] == chosen


def test_essential_leaves_the_others_out() -> None:
    """Even one that was named."""
    assert [s.name for s in select(_TABLE, ("*/broker*",), essential_only=True)] == ["failover/broker-leader"]


def test_a_pattern_that_matches_nothing_names_near_ones() -> None:
    """Bad input: a run of no scenarios would look like a pass."""
    with pytest.raises(BadInput, match="'failover/broker-lead'") as caught:
        select(_TABLE, ("conformance", "failover/broker-lead"))
    assert "failover/broker-leader" in caught.value.next_step


def test_case_matters_everywhere() -> None:
    """The same on every machine."""
    with pytest.raises(BadInput):
        select(_TABLE, ("Conformance/*",))


def _venue() -> FakeVenue:
    return FakeVenue.of(packaged(), Wanted(kinds=frozenset({"redis"})), _CLOCK, 1)


def _rehearsed(*scenarios: Scenario, seed: int = 1) -> History:
    history = History()
    Rehearsal(packaged(), _venue(), _CLOCK, seed, history, _CLOCK.now_s()).play(scenarios, lambda *_: None)
    return history


def _raise(error: BaseException) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        stage.record("ping", "redis", Outcome.OK)
        raise error

    return rehearse


@pytest.mark.parametrize("error", [RuntimeError("oops"), Unreachable("redis is silent"), ZeroDivisionError()])
def test_a_scenario_that_breaks_ends_its_own_history_only(error: Exception) -> None:
    """It is written down as the rig's fault, with its words, and the next scenario is played."""
    history = _rehearsed(_scenario("breaks", _raise(error)), _scenario("next"))
    assert [o.op for o in history.of("group/breaks")] == ["ping", RIG_FAULT]
    message = history.of("group/breaks")[-1].detail["message"]
    assert str(error) in message
    assert [o.op for o in history.of("group/next")] == ["ping"] * 3


def test_a_stack_without_what_is_needed_is_the_rigs_fault() -> None:
    """The scenario is not even begun: it would only find servers missing."""
    history = _rehearsed(_scenario("needs", needs=("redis", "mysql", "prometheus")))
    (fault,) = history.of("group/needs")
    assert fault.op == RIG_FAULT
    assert "mysql, prometheus" in fault.detail["message"]


def test_random_choices_hang_on_seed_and_name_alone() -> None:
    """Adding a scenario changes no other's choices; another seed changes them all."""

    def draw(stage: Stage) -> None:
        stage.record("draw", "redis", Outcome.OK, number=stage.rng.random())

    one, two = _scenario("one", draw), _scenario("two", draw)

    def drawn(history: History, scenario: Scenario) -> float:
        return float(history.of(scenario.name)[0].detail["number"])

    alone, together, other = _rehearsed(two), _rehearsed(one, two), _rehearsed(two, seed=2)
    assert drawn(alone, two) == drawn(together, two)
    assert drawn(together, one) != drawn(together, two)
    assert drawn(other, two) != drawn(alone, two)


def _run(directory: Path, *scenarios: Scenario, strict: bool = False) -> Run:
    directory.mkdir(parents=True)
    return Run(
        document=Document(topology_text(), packaged()),
        environment="development",
        scenarios=scenarios,
        seed=7,
        runtime="fake",
        strict=strict,
        directory=directory,
        clock=_CLOCK,
        announce=lambda *_: None,
    )


def test_a_run_is_written_whole(tmp_path: Path) -> None:
    """Record, history, topology, page, JUnit; ``latest`` points there; what is returned is what is read."""
    directory = tmp_path / "reports" / "20261123T091502Z"
    record = _run(directory, _scenario("holds")).on(_venue(), {"up_s": 1.5})
    assert {RECORD_FILE, HISTORY_FILE, TOPOLOGY_FILE, "junit.xml", "index.html"} <= {
        p.name for p in directory.iterdir()
    }
    assert (tmp_path / "reports" / "latest").resolve() == directory.resolve()
    assert read_record(directory / RECORD_FILE) == record
    assert (record.verdict, record.seed, record.run_id) == (Status.PASS, 7, directory.name)
    assert record.durations["up_s"] == 1.5
    assert record.durations["scenarios_s"] >= 0


def test_the_worst_verdict_is_the_runs(tmp_path: Path) -> None:
    """One failure among passes fails the run, after all were played."""

    def lose(stage: Stage) -> None:
        stage.record("ping", "redis", Outcome.FAILED)

    record = _run(tmp_path / "r", _scenario("loses", lose), _scenario("holds")).on(_venue(), {})
    assert [r.verdict for r in record.scenarios] == [Status.FAIL, Status.PASS]
    assert record.verdict is Status.FAIL


def test_a_broken_scenario_is_unknown_never_pass(tmp_path: Path) -> None:
    """Though all it saw before was good."""
    record = _run(tmp_path / "r", _scenario("breaks", _raise(RuntimeError("oops")))).on(_venue(), {})
    assert record.verdict is Status.UNKNOWN


def test_a_run_without_observations_is_unknown(tmp_path: Path) -> None:
    """Nothing seen, nothing shown."""
    record = _run(tmp_path / "r", _scenario("idle", lambda _: None)).on(_venue(), {})
    assert record.verdict is Status.UNKNOWN


def test_an_interrupted_run_writes_what_it_saw_and_then_raises(tmp_path: Path) -> None:
    """What was finished keeps its verdict; what was cut short or never began is UNKNOWN, though it saw only good."""
    run = _run(
        tmp_path / "r",
        _scenario("finished"),
        _scenario("cut-short", _raise(KeyboardInterrupt())),
        _scenario("never-began"),
    )
    with pytest.raises(KeyboardInterrupt):
        run.on(_venue(), {})
    record = read_record(tmp_path / "r" / RECORD_FILE)
    assert [r.verdict for r in record.scenarios] == [Status.PASS, Status.UNKNOWN, Status.UNKNOWN]
    assert "interrupted" in record.scenarios[1].reason
    assert record.verdict is Status.UNKNOWN


def test_the_last_scenario_cut_short_does_not_pass(tmp_path: Path) -> None:
    """The only one, interrupted after a good observation."""
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "r", _scenario("only", _raise(KeyboardInterrupt()))).on(_venue(), {})
    assert read_record(tmp_path / "r" / RECORD_FILE).verdict is Status.UNKNOWN


def test_no_secret_is_in_any_file_of_a_run(tmp_path: Path) -> None:
    """Not even one that a scenario wrote down by mistake."""
    venue = _venue()

    def leak(stage: Stage) -> None:
        stage.record("login", "redis", Outcome.OK, message=f"used {next(iter(venue.secrets.values()))}")

    _run(tmp_path / "r", _scenario("leaks", leak)).on(venue, {})
    for path in (tmp_path / "r").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [s for s in venue.secrets.values() if s in text], path.name


def test_the_history_is_one_json_object_a_line(tmp_path: Path) -> None:
    """Closed and complete when the run returns."""
    _run(tmp_path / "r", _scenario("holds")).on(_venue(), {})
    lines = (tmp_path / "r" / HISTORY_FILE).read_text().splitlines()
    assert [json.loads(line)["op"] for line in lines] == ["ping"] * 3
