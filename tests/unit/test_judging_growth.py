"""Every judge of a ledger on long histories: the right verdict, and ten times as long takes ten times as long."""

from __future__ import annotations

import time

import pytest

from scenarios import SCENARIOS
from sim.judging import collector_paused, judge
from sim.scenario import Evidence
from sim.verdict import Status
from tests.fake.drill_rehearsal import topology
from tests.unit.long_histories import LONG

_LINES = 4_000


def _spent_s(name: str, lines: int) -> float:
    """CPU seconds of the best of three: a busy machine slows, it never hastens."""
    found = Evidence(tuple(LONG[name](lines)), topology(), "development", {})
    spent_s = []
    for _ in range(3):
        with collector_paused():
            began_s = time.process_time()
            judge(SCENARIOS[name], found)
            spent_s.append(time.process_time() - began_s)
    return min(spent_s)


@pytest.mark.parametrize("name", list(LONG))
def test_a_long_good_history_passes(name: str) -> None:
    """What is timed is a judgement taken to its end, not one that gave up on the way."""
    verdict = SCENARIOS[name].judge(Evidence(tuple(LONG[name](2 * _LINES)), topology(), "development", {}))
    assert verdict.status is Status.PASS, (verdict.reason, verdict.evidence[:3])
    assert verdict.numbers["rto_ms"] > 0


@pytest.mark.parametrize("name", list(LONG))
def test_judging_grows_with_the_history_and_no_faster(name: str) -> None:
    """Eight times as long takes at most sixteen times the CPU."""
    assert _spent_s(name, 8 * _LINES) <= 16 * max(_spent_s(name, _LINES), 1e-3)
