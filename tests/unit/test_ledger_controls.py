"""The rig is drilled, too: a ledger that forgets, an injected duplicate, a log cut short. Each must be caught."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.checks.blast import Reach, judge_blast
from sim.checks.broker_drill import Promise, judge_broker_drill
from sim.checks.entries import INVENTORY, Kept, judge_entries
from sim.history import Observation, Outcome, only
from sim.verdict import Status
from tests.unit.drill_histories import evidence, failover, seen
from tests.unit.test_checks_blast import _AS_DOCUMENTED, _history
from tests.unit.test_checks_entries import _good

_JUDGE = judge_broker_drill(Promise(elects=True))


def _told_less(history: list[Observation], forgotten: set[str], *, honest: bool) -> list[Observation]:
    """A publisher whose ledger forgets some messages; an honest one says how many it has attempted all the same."""
    kept = [o for o in history if o.op != "publish" or o.detail["id"] not in forgotten]
    if honest:
        return kept
    left = len(only(kept, "publish"))
    return [replace(o, detail={**o.detail, "attempted": left}) if o.op == "load" else o for o in kept]


@settings(deadline=None, max_examples=25)
@given(st.sets(st.integers(0, 749), min_size=1, max_size=20))
def test_a_ledger_that_forgets_is_caught(numbers: set[int]) -> None:
    """By its own count, which then does not add up; or, were that wrong too, by messages from nowhere."""
    forgotten = {f"m-{n:06d}" for n in numbers}
    assert _JUDGE(evidence(_told_less(failover(), forgotten, honest=True))).status is Status.UNKNOWN
    verdict = _JUDGE(evidence(_told_less(failover(), forgotten, honest=False)))
    assert verdict.status is Status.FAIL
    assert verdict.numbers["unexpected"] == len(forgotten)


@settings(deadline=None, max_examples=25)
@given(st.sets(st.integers(0, 749), min_size=1, max_size=20))
def test_an_injected_duplicate_is_counted_and_named(numbers: set[int]) -> None:
    """At least once is the queue's promise, so it passes; not one goes unseen."""
    twice = [seen(22, "consume", id=f"m-{n:06d}") for n in numbers]
    verdict = _JUDGE(evidence([*failover(), *twice]))
    assert verdict.status is Status.PASS
    assert verdict.numbers["duplicated"] == len(numbers)
    assert any("delivered more than once" in line for line in verdict.evidence)


@pytest.mark.parametrize("op", ["deliveries", "stock"])
def test_an_effect_had_twice_fails(op: str) -> None:
    """Exactly once is what an order is promised: a second delivery, a second movement of stock."""

    def doubled(o: Observation) -> Observation:
        if o.op == "deliveries" == op:
            return replace(
                o, detail={"items": [*o.detail["items"], {**o.detail["items"][0], "delivery_id": "d-again"}]}
            )
        if o.op == "stock" == op and o.detail["phase"] == "after":
            return replace(o, detail={**o.detail, "movements": [*o.detail["movements"], o.detail["movements"][0]]})
        return o

    verdict = judge_blast(Reach(2.0))(evidence([doubled(o) for o in _history(_AS_DOCUMENTED)]))
    assert verdict.status is Status.FAIL
    assert "2 " in verdict.reason


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40))
def test_a_torn_log_is_caught_entry_by_entry(torn: int) -> None:
    """The last so many acknowledged entries are gone: each is counted, and the loss is as old as the first of them."""
    history = _good()
    acknowledged = [o for o in only(history, "write") if o.outcome is Outcome.OK]
    gone = {str(o.detail["id"]) for o in acknowledged[-torn:]}
    cut = [
        replace(o, detail={**o.detail, "whole": [e for e in o.detail["whole"] if e not in gone]})
        if o.op == INVENTORY
        else o
        for o in history
    ]
    verdict = judge_entries(Kept("rows", control="without a log"))(evidence(cut))
    assert verdict.status is Status.FAIL
    assert verdict.numbers["lost"] == torn
