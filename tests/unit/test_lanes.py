"""One run on two stacks in memory, each with a process of its own: what comes together, and what may happen to one."""

from __future__ import annotations

import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sim.clock import ScaledClock
from sim.errors import BadInput
from sim.history import read_history
from sim.judging import RIG_FAULT, judge_run
from sim.lanes.conducting import Conductor
from sim.lanes.lane import Lane, lanes, mend
from sim.lanes.messages import Assignment, Play
from sim.pipeline import Run
from sim.preparing import Document, Wanted
from sim.record import HISTORY_FILE, RECORD_FILE, Record, ScenarioResult, read_record
from sim.scenario import Scenario
from sim.topology.load import topology_text
from sim.verdict import Status
from tests.unit import lanes_worker
from tests.unit.lanes_worker import FOLDER, TABLE
from tests.unit.plan_sample import packaged

_WORKER = lanes_worker.__name__
_CLOCK = ScaledClock(1000.0)
_WITHIN_S = 20.0


class Quiet:
    """Nobody watches these stacks go up."""

    def server(self, name: str, phase: str, elapsed_s: float) -> None:
        """Not shown."""


@dataclass
class Played:
    """A run in its folder, and what was said on the way."""

    folder: Path
    announced: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    lanes: tuple[Lane, ...] = ()
    record: Record | None = None

    @property
    def directory(self) -> Path:
        return self.folder / "run"

    def result(self, name: str) -> ScenarioResult:
        return next(r for r in read_record(self.directory / RECORD_FILE).scenarios if r.name == name)

    def ops(self, name: str) -> list[str]:
        return [o.op for o in read_history(self.directory / HISTORY_FILE) if o.scenario == name]

    def run(self, *names: str, jobs: int = 2, keeps: Callable[[Status], bool] = lambda _: False) -> Played:
        scenarios = tuple(TABLE[name] for name in names)
        self.directory.mkdir()
        run = Run(
            document=Document(topology_text(), packaged()),
            environment="development",
            scenarios=scenarios,
            seed=7,
            runtime="fake",
            strict=False,
            directory=self.directory,
            clock=_CLOCK,
            announce=lambda *_: None,
        )
        with lanes(_WORKER, [self.assignment(number) for number in range(1, jobs + 1)]) as opened:
            self.lanes = opened
            conductor = Conductor(run, opened, self._announce, lambda _: nullcontext(Quiet()), self.said.append, keeps)
            self.record = conductor.conduct({})
        return self

    def assignment(self, number: int) -> Assignment:
        wanted = Wanted(kinds=frozenset({"redis"}), name=f"fake-{number}")
        history = self.directory / f"history-{number}.jsonl"
        return Assignment(number, topology_text(), wanted, {}, 7, "fake", _CLOCK, history)

    def _announce(self, scenario: Scenario, number: int, total: int, stack: str) -> None:
        self.announced.append(f"[{number}/{total}] {scenario.name} ({stack})")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """A run in which nothing goes wrong."""
    with _traces(tmp_path_factory.mktemp("whole")) as folder:
        yield Played(folder).run(
            "alone/measures", "together/one", "together/two", "draws/one", "draws/two", "draws/three", "leaks/secrets"
        )


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    with _traces(tmp_path) as folder:
        yield Played(folder)


@contextmanager
def _traces(folder: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(folder))
        yield folder


def test_scenarios_are_rehearsed_at_the_same_time(whole: Played) -> None:
    """Two that wait for each other meet; each says on which stack, and both are in one record in the table's order."""
    assert whole.record is not None
    assert whole.record.verdict is Status.PASS, whole.record.scenarios
    assert whole.result("together/one").stack != whole.result("together/two").stack
    assert {r.stack for r in whole.record.scenarios} == {"fake-1", "fake-2"} == set(whole.record.stacks)
    assert [r.name for r in whole.record.scenarios][:3] == ["alone/measures", "together/one", "together/two"]
    assert read_record(whole.directory / RECORD_FILE) == whole.record


def test_what_needs_the_machine_comes_last_when_the_others_are_gone(whole: Played) -> None:
    """It looked for the other process itself; nothing began after it."""
    measured = whole.result("alone/measures")
    assert measured.verdict is Status.PASS
    (seen,) = [o for o in read_history(whole.directory / HISTORY_FILE) if o.op == "measure"]
    assert seen.detail["others"] == 1
    others = [r for r in read_record(whole.directory / RECORD_FILE).scenarios if r.name != "alone/measures"]
    assert measured.began_s >= max(r.ended_s for r in others)


def test_each_beginning_is_announced_with_its_number_and_stack(whole: Played) -> None:
    """Counted as they begin, whoever begins them."""
    assert [line.split()[0] for line in whole.announced] == [f"[{n}/7]" for n in range(1, 8)]
    assert {line.partition(" (")[2] for line in whole.announced} == {"stack 1)", "stack 2)"}


def test_servers_of_equal_names_are_told_apart(whole: Played) -> None:
    """A row a stack, a table and a mark on the page each."""
    assert whole.record is not None
    assert [(s.name, s.stack) for s in whole.record.servers if s.kind == "redis"] == [
        ("redis", "fake-1"),
        ("redis", "fake-2"),
    ]
    page = (whole.directory / "index.html").read_text()
    for stack in whole.record.stacks:
        assert f"Every server of stack {stack}" in page
        assert f"on stack {stack}" in page


def test_choices_hang_on_seed_and_name_alone(whole: Played) -> None:
    """Not on the stack, nor on what was rehearsed there before."""
    drawn = {o.scenario: o.detail["number"] for o in read_history(whole.directory / HISTORY_FILE) if o.op == "draw"}
    assert drawn == {
        name: random.Random(f"7/{name}").random()  # noqa: S311 - the stage's own
        for name in ("draws/one", "draws/two", "draws/three")
    }


def test_no_stacks_secret_is_in_any_file(whole: Played) -> None:
    """A scenario wrote down all of its stack's."""
    secrets = [value for lane in whole.lanes if lane.up for value in lane.up.secrets.values()]
    assert secrets
    for path in whole.directory.rglob("*"):
        if path.is_file():
            assert not [s for s in secrets if s in path.read_text()], path.name


def test_the_histories_become_one_which_gives_the_same_verdicts_again(whole: Played) -> None:
    """No part is left beside it."""
    assert not list(whole.directory.glob("history-*"))
    again = judge_run(whole.directory, TABLE)
    assert again == whole.record


def test_only_where_something_did_not_pass_is_kept_and_its_log_shown(played: Played) -> None:
    """A stack whose scenarios all held goes, and has nothing to explain."""
    played.run("platform/loses", "together/one", "together/two", keeps=lambda status: status is not Status.PASS)
    lost = played.result("platform/loses")
    assert lost.verdict is Status.FAIL
    assert [line for line in played.said if line.startswith("kept")] == [
        f"kept: stack {lost.stack[-1]} (sim down --stack {lost.stack})"
    ]
    assert read_record(played.directory / RECORD_FILE).failed_logs == (f"{lost.stack}.redis",)
    assert (played.directory / "logs" / f"{lost.stack}.redis.log").exists()


def test_a_lane_that_dies_leaves_its_scenario_unknown_and_the_others_to_go_on(played: Played) -> None:
    """Killed in the middle of a line; what it had seen before is kept, and its servers are told as lost."""
    played.run("rig/dies", *(f"pings/{n}" for n in range(6)))
    died = played.result("rig/dies")
    assert died.verdict is Status.UNKNOWN
    assert "was killed (signal 9)" in died.reason
    assert played.ops("rig/dies") == ["ping", RIG_FAULT]
    assert [played.result(f"pings/{n}").verdict for n in range(6)] == [Status.PASS] * 6
    record = read_record(played.directory / RECORD_FILE)
    assert {s.state for s in record.servers if s.stack == died.stack} == {"lost"}
    assert any("takes no more scenarios" in line for line in played.said)


def test_when_every_lane_died_the_rest_is_unknown(played: Played) -> None:
    """Each says why; there is a report all the same."""
    played.run("rig/dies", "rig/dies-too", "pings/0", "alone/measures")
    record = read_record(played.directory / RECORD_FILE)
    assert [r.verdict for r in record.scenarios] == [Status.UNKNOWN] * 4
    assert "no stack was left to rehearse on" in played.result("pings/0").reason
    assert "no stack was left to rehearse on" in played.result("alone/measures").reason


def test_a_stack_without_its_servers_is_taken_out(played: Played) -> None:
    """The rig's mistake broke it; one that only stumbled goes on."""
    played.run("rig/wrecks", "rig/stumbles", *(f"pings/{n}" for n in range(6)))
    wrecked, stumbled = played.result("rig/wrecks"), played.result("rig/stumbles")
    assert (wrecked.verdict, stumbled.verdict) == (Status.UNKNOWN, Status.UNKNOWN)
    assert wrecked.stack != stumbled.stack
    assert {played.result(f"pings/{n}").stack for n in range(6)} == {stumbled.stack}
    assert [line for line in played.said if "takes no more scenarios" in line] == [
        f"stack {wrecked.stack[-1]} takes no more scenarios: servers of it did not come back"
    ]


def _signalled_when(
    ready: Callable[[], bool], number: signal.Signals, times: Callable[[int], bool]
) -> threading.Thread:
    """This process gets the signal once ``ready``, and again for as long as ``times`` says so."""

    def work() -> None:
        deadline_s = time.monotonic() + _WITHIN_S
        while not ready() and time.monotonic() < deadline_s:
            time.sleep(0.005)
        sent = 0
        while times(sent):
            os.kill(os.getpid(), number)
            sent += 1
            time.sleep(0.2)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_all_scenarios_and_writes_what_was_seen(played: Played, number: signal.Signals) -> None:
    """Each mends what it broke; what was finished keeps its verdict, what never began is UNKNOWN; nobody is left."""
    waiting = [played.folder / "waits-one", played.folder / "waits-two"]
    thread = _signalled_when(lambda: all(p.exists() for p in waiting), number, lambda sent: sent < 1)
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        played.run("pings/0", "waits/one", "waits/two", "pings/1", "alone/measures")
    thread.join()
    assert time.monotonic() - began_s < _WITHIN_S
    assert played.ops("waits/one") == played.ops("waits/two") == ["broke", "mended", RIG_FAULT]
    verdicts = {r.name: r.verdict for r in read_record(played.directory / RECORD_FILE).scenarios}
    assert verdicts.pop("pings/0") is Status.PASS
    assert set(verdicts.values()) == {Status.UNKNOWN}
    assert all(lane.process.poll() is not None for lane in played.lanes)


def test_who_asks_three_times_gets_an_end(played: Played) -> None:
    """Though a scenario does not end for the asking; the report is written."""
    running = played.folder / "waits-defies"
    thread = _signalled_when(running.exists, signal.SIGINT, lambda sent: sent < 3)
    with pytest.raises(KeyboardInterrupt):
        played.run("waits/defies", "pings/0")
    thread.join()
    assert len(list(played.folder.glob("defied-*"))) == 2
    assert played.result("waits/defies").verdict is Status.UNKNOWN
    assert all(lane.process.poll() is not None for lane in played.lanes)


def test_a_lane_ends_with_the_rig(played: Played) -> None:
    """However the rig dies, its pipe closes: the scenario mends what it broke, and the process is gone."""
    played.directory.mkdir()
    assignment = played.assignment(1)
    with lanes(_WORKER, [assignment]) as (lane,):
        lane.rise(Quiet())
        assert lane.process.stdin is not None
        pickle.dump(Play("waits/one", {}, 0.0), lane.process.stdin)
        lane.process.stdin.flush()
        deadline_s = time.monotonic() + _WITHIN_S
        while not (played.folder / "waits-one").exists() and time.monotonic() < deadline_s:
            time.sleep(0.005)
        lane.process.stdin.close()
        assert lane.process.wait(timeout=_WITHIN_S) == 0
    assert [o.op for o in read_history(assignment.history)] == ["broke", "mended", RIG_FAULT]


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (b"", b""),
        (b"one\n", b"one\n"),
        (b"one\ntw", b"one\n"),
        (b"tw", b""),
        (b"one\n" + b"x" * 200_000, b"one\n"),
    ],
    ids=["empty", "whole", "torn", "only torn", "long"],
)
def test_half_a_line_is_dropped_and_nothing_else(tmp_path: Path, found: bytes, kept: bytes) -> None:
    """What a killed process was writing."""
    path = tmp_path / "history.jsonl"
    path.write_bytes(found)
    mend(path)
    assert path.read_bytes() == kept


def test_a_stack_that_does_not_rise_ends_the_run(played: Played) -> None:
    """With its own words, before anything is rehearsed; no folder is filled."""
    played.directory.mkdir()
    nameless = replace(played.assignment(1), wanted=Wanted(only=("nonsense",), name="fake-1"))
    with lanes(_WORKER, [nameless]) as (lane,), pytest.raises(BadInput, match="nonsense"):
        lane.rise(Quiet())
    assert not list(played.directory.iterdir())
