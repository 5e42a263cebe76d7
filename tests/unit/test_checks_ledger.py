"""The ledger against a naive model, and the verdict on a leader's death against histories spoiled one way each."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.checks.broker_drill import Promise, judge_broker_drill
from sim.checks.ledger import ledger, named
from sim.checks.recovery import availability_percent, recovery
from sim.history import Observation, Outcome
from sim.verdict import Status
from tests.unit.drill_histories import HEALED_S, KILLED_S, LEADER, NODES, evidence, failover, publish, seen, without

_JUDGE = judge_broker_drill(Promise(elects=True, control="on the killed node"))
_IDS = st.sampled_from([f"m{n}" for n in range(8)])


@settings(deadline=None)
@given(
    st.lists(st.tuples(_IDS, st.sampled_from(list(Outcome))), max_size=20),
    st.lists(_IDS, max_size=20),
)
def test_the_ledger_agrees_with_a_naive_model(tried: list[tuple[str, Outcome]], taken: list[str]) -> None:
    """Whatever was tried and taken, each message falls where its definition puts it, read off by plain loops."""
    books = ledger([seen(0, "publish", outcome=o, id=m) for m, o in tried], [seen(0, "consume", id=m) for m in taken])
    outcomes = {m: {o for n, o in tried if n == m} for m, _ in tried}
    acked = {m for m, found in outcomes.items() if Outcome.OK in found}
    assert set(books.acknowledged) == acked
    assert set(books.lost) == {m for m in acked if taken.count(m) == 0}
    assert set(books.unexpected) == {m for m in taken if m not in outcomes}
    assert set(books.duplicated) == {m for m in taken if taken.count(m) > 1}
    assert set(books.recovered) == {m for m in taken if m in outcomes and m not in acked}
    assert set(books.indeterminate) == {
        m for m, found in outcomes.items() if Outcome.UNSURE in found and m not in acked
    }
    assert len(books.attempted) == len(outcomes)


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=3, max_size=30, unique=True), st.floats(1, 99), st.floats(0, 50))
def test_recovery_finds_the_longest_gap_around_the_fault(times: list[float], fault_s: float, outage_s: float) -> None:
    """Its three gaps are those of a naive scan over neighbours; an endless one is infinite; RTO is never negative."""
    found = recovery([seen(t, "publish") for t in times], fault_s, fault_s + outage_s)
    ordered = sorted(times)
    before = [t for t in ordered if t <= fault_s]
    if len(before) < 2:
        assert found is None
        return
    assert found is not None
    assert found.baseline_s == max(ordered[i + 1] - ordered[i] for i in range(len(before) - 1))
    assert found.rto_s >= 0
    if ordered[-1] <= fault_s:
        assert found.outage_s == float("inf")
    else:
        around = [b - a for a, b in pairwise(ordered) if b > fault_s and a <= fault_s + outage_s]
        assert found.outage_s == max(around)


def test_availability_is_the_share_of_what_was_due_and_confirmed_in_time() -> None:
    """Two seconds of ten in which nothing was sent, and one message answered too late: 79 of 100."""
    sent = [publish("publish", str(n), n / 10) for n in range(100) if not 30 <= n < 50]
    late = publish("publish", "late", 9.0, after_s=1.5)
    assert availability_percent([*sent[:-1], late], 0, 10, 10.0) == pytest.approx(79)
    assert availability_percent(sent, 0, 10, 10.0) == pytest.approx(80)
    assert availability_percent([], 0, 10, 10.0) == 0


def test_ids_are_named_ten_at_most() -> None:
    """A reader gets the first ten and the number of the rest."""
    assert named(("a", "b")) == "a, b"
    assert named(tuple(map(str, range(13)))).endswith("9 and 3 more")


def test_a_good_history_passes_with_its_numbers() -> None:
    """Nothing lost, half a second without confirms, a new leader, a control that lost all."""
    verdict = _JUDGE(evidence(failover()))
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.numbers["rto_ms"] == pytest.approx(490, abs=25)
    assert verdict.numbers["lost"] == 0
    assert verdict.numbers["control_lost"] == 20
    assert 99 < verdict.numbers["availability_percent"] <= 100


def test_a_lost_message_fails_and_is_named() -> None:
    """Acknowledged, never consumed."""
    verdict = _JUDGE(evidence(without(failover(), "consume", id="m-000007")))
    assert verdict.status is Status.FAIL
    assert "1 acknowledged messages lost: m-000007" in verdict.reason


def test_an_unexpected_message_fails_and_is_named() -> None:
    """Consumed, never attempted."""
    verdict = _JUDGE(evidence([*failover(), seen(21, "consume", id="ghost")]))
    assert verdict.status is Status.FAIL
    assert "ghost" in verdict.reason


def test_a_duplicate_and_a_recovered_message_are_told_and_pass() -> None:
    """At least once is the promise; an unanswered publish may have happened."""
    history = [
        replace(o, outcome=Outcome.UNSURE) if o.op == "publish" and o.detail["id"] == "m-000005" else o
        for o in failover()
    ]
    verdict = _JUDGE(evidence([*history, seen(21, "consume", id="m-000009")]))
    assert verdict.status is Status.PASS, verdict.reason
    assert (verdict.numbers["duplicated"], verdict.numbers["recovered"], verdict.numbers["indeterminate"]) == (1, 1, 1)


def _never_again() -> list[Observation]:
    """No confirm after the kill, tried for over a minute; the killed node stays the only one seen to lead."""
    history = [
        replace(o, outcome=Outcome.FAILED) if o.op == "publish" and o.t_s > KILLED_S else o
        for o in without(failover(), "leader")
        if o.op not in {"consume", "load"} and not (o.op == "fault" and o.detail["phase"] == "heal")
    ]
    late = publish("publish", "m-late", KILLED_S + 62, outcome=Outcome.FAILED)
    kept = [o for o in history if o.op == "publish" and o.outcome is Outcome.OK]
    return [
        *history,
        late,
        *(seen(90, "consume", id=o.detail["id"]) for o in kept),
        seen(89, "load", of="publish", attempted=len({o.detail["id"] for o in [*history, late] if o.op == "publish"})),
        *(seen(t, "leader", leader=LEADER) for t in (9.0, 40.0, KILLED_S + 61)),
        seen(KILLED_S + 63, "fault", LEADER, name="kill -9", phase="heal", evidence="container running, serving"),
    ]


def test_no_recovery_within_a_minute_fails() -> None:
    """No confirm and no new leader for a minute: both are said."""
    verdict = _JUDGE(evidence(_never_again()))
    assert verdict.status is Status.FAIL, verdict.reason
    assert "no confirm again within 60 s" in verdict.reason
    assert any("no new leader within 60 s" in line for line in verdict.evidence)


def test_a_queue_of_another_type_and_a_member_that_stays_away_fail() -> None:
    """Section 6: quorum queues for all load. And who was killed has to come back."""
    classic = [replace(o, detail={**o.detail, "type": "classic"}) if o.op == "queue" else o for o in failover()]
    assert _JUDGE(evidence(classic)).status is Status.FAIL
    away = [
        replace(o, outcome=Outcome.FAILED, detail={**o.detail, "online": NODES[1:]})
        if o.op == "queue" and o.detail["phase"] == "after"
        else o
        for o in failover()
    ]
    assert _JUDGE(evidence(away)).status is Status.FAIL


def _with_fault(phase: str, outcome: Outcome) -> list[Observation]:
    return [replace(o, outcome=outcome) if o.op == "fault" and o.detail["phase"] == phase else o for o in failover()]


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "ever acknowledged"),
        (_with_fault("inject", Outcome.FAILED), "not seen to work"),
        (_with_fault("heal", Outcome.FAILED), "did not come back"),
        (without(failover(), "fault"), "no fault"),
        (without(failover(), "drain"), "not drained"),
        (without(failover(), "load"), "did not end well"),
        (without(failover(), "leader"), "was killed, but nobody"),
        (without(failover(), "queue"), "not seen whole"),
        (without(failover(), "control-drain"), "can see loss"),
        ([*failover(), *(seen(21, "control-consume", id=f"c-{n}") for n in range(20))], "cannot see loss"),
        (
            [replace(o, detail={**o.detail, "attempted": 3}) if o.op == "load" else o for o in failover()],
            "did not end well",
        ),
        (
            [o for o in failover() if o.op != "leader" or o.t_s < KILLED_S or o.t_s > HEALED_S],
            "not observed",
        ),
    ],
)
def test_a_hole_in_the_evidence_is_unknown(history: list[Observation], said: str) -> None:
    """What was not shown is never a pass, and never held against the platform."""
    verdict = _JUDGE(evidence(history))
    assert verdict.status is Status.UNKNOWN, verdict.reason
    assert any(said in line for line in verdict.evidence)


def test_lost_messages_fail_even_where_other_evidence_has_holes() -> None:
    """A proven loss is not excused by a missing leader sample."""
    history = without(without(failover(), "leader"), "consume", id="m-000007")
    assert _JUDGE(evidence(history)).status is Status.FAIL
