"""Load on one server by threads: the schedule is kept, errors are counted, what never arrives is one."""

from __future__ import annotations

import random
import threading

import pytest

from sim.clock import SystemClock
from sim.errors import RigError, Unreachable
from sim.load.cues import Cue
from sim.load.direct import DirectLoad
from sim.load.open_loop import Segment


class _Still:
    """A clock that goes on by sleeping alone."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        return self._now_s

    def sleep_s(self, seconds: float) -> None:
        self._now_s += max(0.0, seconds)


def _rng() -> random.Random:
    return random.Random(1)  # noqa: S311 - repeatable, not secret


def test_every_operation_is_done_once_and_latency_counts_from_when_due() -> None:
    """A worker that stalls makes those behind it late, in its own connection's latency, not the generator's."""
    done: list[int] = []
    stalled = threading.Event()

    def worker(number: int) -> str:
        done.append(number)
        if not stalled.is_set():
            stalled.set()
            SystemClock().sleep_s(0.3)
        return "op"

    report = DirectLoad([worker], SystemClock(), _rng()).play(Segment("s", 50.0, 1.0))
    assert sorted(done) == list(range(50))
    assert (report.due, report.unsent, report.good) == (50, 0, 50)
    assert report.latencies.max_s >= 0.3
    assert sum(latency_s > 0.05 for latency_s in report.latencies.ordered_s()) >= 8
    assert report.late.quantile_s(0.5) < 0.1
    assert [kind.name for kind in report.kinds] == ["op"]


def test_errors_are_counted_by_what_the_server_said() -> None:
    """A failed operation is an error with its reason, and no latency."""

    def worker(number: int) -> str:
        if number % 2:
            raise Unreachable("nobody there")
        return "op"

    report = DirectLoad([worker] * 3, SystemClock(), _rng()).play(Segment("s", 40.0, 0.5))
    assert (report.good, report.error_count) == (10, 10)
    assert all("nobody there" in reason for reason in report.errors)


def test_a_worker_with_a_mistake_of_its_own_is_the_rigs_fault() -> None:
    """Nothing is measured."""

    def worker(_number: int) -> str:
        raise ZeroDivisionError

    with pytest.raises(RigError, match="ZeroDivisionError"):
        DirectLoad([worker], SystemClock(), _rng()).play(Segment("s", 10.0, 0.2))


def test_what_arrives_elsewhere_is_timed_to_there_and_what_does_not_is_an_error() -> None:
    """Latency from due to the far end."""
    clock, arrived = _Still(), dict[int, float]()

    def worker(number: int) -> str:
        if number != 3:
            arrived[number] = clock.now_s() + 1.0
        return "message"

    report = DirectLoad([worker], clock, _rng(), arrived_s=arrived, modelled=True).play(Segment("s", 10.0, 1.0))
    assert (report.good, report.error_count) == (9, 1)
    assert report.latencies.quantile_s(0.01) >= 1.0
    assert "never arrived" in next(iter(report.errors))


def test_cues_are_taken_at_their_time_between_the_operations() -> None:
    """In a model's one thread, a cue comes before what is due after it, and none is forgotten."""
    clock, story = _Still(), list[str]()

    def worker(number: int) -> str:
        story.append(f"op {number}")
        return "op"

    cues = (Cue(0.95, lambda: story.append("last")), Cue(0.45, lambda: story.append("first")))
    DirectLoad([worker], clock, _rng(), modelled=True).play(Segment("s", 10.0, 1.0), cues)
    assert story.index("op 3") < story.index("first") < story.index("op 5")
    assert "last" in story
    assert story.index("first") < story.index("last")
