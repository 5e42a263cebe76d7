"""What else a drill of the broker is judged by: order, silence, quiet, marks, RPO; faults paired with healing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.checks.broker_drill import Promise, judge_broker_drill
from sim.checks.findings import Findings
from sim.checks.ledger import ledger, out_of_order, rpo_s
from sim.checks.outages import outages
from sim.history import Observation, Outcome, only
from sim.verdict import Status
from tests.unit.drill_histories import HEALED_S, KILLED_S, LEADER, OTHER, evidence, failover, publish, seen, without


def _consumed(history: Sequence[Observation], order: Sequence[str], **detail: object) -> list[Observation]:
    rest = [o for o in history if o.op != "consume"]
    return [*rest, *(seen(21.0 + n / 1000, "consume", id=m, link=1, **detail) for n, m in enumerate(order))]


@settings(deadline=None)
@given(st.permutations([f"m-{n}" for n in range(7)]), st.sets(st.integers(0, 6)))
def test_overtaken_messages_are_those_a_naive_scan_finds(order: list[str], again: set[int]) -> None:
    """A message is late when one that was due after it came before it on the same line; redeliveries do not count."""
    tried = [publish("publish", f"m-{n}", float(n)) for n in range(7)]
    taken = [seen(9, "consume", id=m, link=1, redelivered=int(m[2:]) in again) for m in order]
    firsts = [m for m in order if int(m[2:]) not in again]
    naive = {m for i, m in enumerate(firsts) if any(int(other[2:]) > int(m[2:]) for other in firsts[:i])}
    assert set(out_of_order(tried, taken)) == naive


def test_order_is_promised_to_one_line_only() -> None:
    """Another connection, another consumer and the drain have an order of their own."""
    tried = [publish("publish", f"m-{n}", float(n)) for n in range(3)]
    lines = [seen(9, "consume", id="m-2", link=1), seen(9, "consume", id="m-1", link=2), seen(9, "consume", id="m-0")]
    assert out_of_order(tried, lines) == ()


def test_a_message_that_comes_twice_overtook_nobody_the_second_time() -> None:
    """Sent twice by its publisher, so without a mark: its place in the order is that of its first coming."""
    tried = [publish("publish", f"m-{n}", n / 10) for n in range(4)]
    order = ("m-0", "m-1", "m-2", "m-0", "m-3", "m-2")
    assert out_of_order(tried, [seen(9 + n, "consume", id=m, link=1) for n, m in enumerate(order)]) == ()


def test_messages_out_of_order_fail_where_order_is_promised() -> None:
    """By their ids; where it is not promised they pass."""
    history = failover()
    order = [o.detail["id"] for o in only(history, "consume")]
    order[3], order[4] = order[4], order[3]
    swapped = evidence(_consumed(history, order))
    verdict = judge_broker_drill(Promise(ordered=True))(swapped)
    assert verdict.status is Status.FAIL
    assert order[4] in verdict.reason
    assert judge_broker_drill(Promise())(swapped).status is Status.PASS


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 30), st.booleans(), min_size=1), st.floats(0, 40))
def test_rpo_is_how_far_back_the_loss_goes(kept: dict[int, bool], fault_s: float) -> None:
    """From the fault to the earliest acknowledged message that is gone; nothing lost is zero."""
    tried = [publish("publish", f"m-{n}", float(n), after_s=0.0) for n in kept]
    taken = [seen(50, "consume", id=f"m-{n}") for n, there in kept.items() if there]
    gone = [float(n) for n, there in kept.items() if not there]
    expected = max(0.0, fault_s - min(gone)) if gone else 0.0
    assert rpo_s(ledger(tried, taken), tried, fault_s) == expected


def test_a_confirm_without_a_majority_fails() -> None:
    """While most members are away nothing may be confirmed; with none tried nothing is shown."""
    promise = Promise(silent=True)
    verdict = judge_broker_drill(promise)(evidence(failover()))
    assert verdict.status is Status.FAIL
    assert "without a majority" in verdict.reason
    quiet = [o for o in failover() if o.op != "publish" or not KILLED_S < o.t_s < HEALED_S]
    kept = {o.detail["id"] for o in quiet if o.op == "publish"}
    quiet = [
        replace(o, detail={**o.detail, "attempted": len(kept)}) if o.op == "load" else o
        for o in quiet
        if o.op != "consume" or o.detail["id"] in kept
    ]
    assert judge_broker_drill(promise)(evidence(quiet)).status is Status.UNKNOWN
    tried = [*quiet, publish("publish", "m-late", 11.0, outcome=Outcome.UNSURE, after_s=5.0)]
    tried = [replace(o, detail={**o.detail, "attempted": len(kept) + 1}) if o.op == "load" else o for o in tried]
    assert judge_broker_drill(promise)(evidence(tried)).status is Status.PASS


def test_a_gap_fails_where_quiet_is_promised() -> None:
    """Half a second without a confirm is more than noise."""
    verdict = judge_broker_drill(Promise(quiet_ms=200.0))(evidence(failover()))
    assert verdict.status is Status.FAIL
    assert "would be noise" in verdict.reason
    assert judge_broker_drill(Promise(quiet_ms=600.0))(evidence(failover())).status is Status.PASS


@pytest.mark.parametrize(("marked", "status"), [(True, Status.PASS), (False, Status.FAIL)])
def test_what_the_dead_held_must_come_again_marked(marked: bool, status: Status) -> None:
    """A mark is what lets a consumer have the effect once."""
    history = [replace(o, detail={**o.detail, "held": ["m-000001"]}) if o.op == "fault" else o for o in failover()]
    order = [o.detail["id"] for o in only(history, "consume")]
    judged = judge_broker_drill(Promise(flagged=True))(evidence(_consumed(history, order, redelivered=marked)))
    assert judged.status is status


def test_what_a_node_still_holds_after_the_drain_fails() -> None:
    """Every queue is empty on every node in the end."""
    history = [*failover(), seen(22, "ready", OTHER, messages=3)]
    verdict = judge_broker_drill(Promise())(evidence(history))
    assert verdict.status is Status.FAIL
    assert f"{OTHER} says 3 messages are left" in verdict.reason


def test_a_consumer_that_broke_leaves_it_open() -> None:
    """So does one whose end nobody saw."""
    promise = Promise(consumers=1)
    broken = [*failover(), seen(22, "ready", OTHER, messages=0), seen(22, "consumer", outcome=Outcome.FAILED)]
    assert judge_broker_drill(promise)(evidence(broken)).status is Status.UNKNOWN
    assert judge_broker_drill(promise)(evidence(failover())).status is Status.UNKNOWN


def test_every_fault_is_paired_with_its_healing() -> None:
    """Two faults on one target in turn are two outages; one without an end lasts for ever and is told."""
    history = [
        seen(t, "fault", LEADER, name="pause", phase=phase, effect_after_s=0.1)
        for t, phase in ((1.0, "inject"), (2.0, "heal"), (3.0, "inject"), (4.0, "heal"))
    ]
    findings = Findings()
    found = outages(history, findings, wanted=2)
    assert [(o.from_s, o.effect_s, o.to_s) for o in found] == [(1.0, 1.1, 2.0), (3.0, 3.1, 4.0)]
    assert not findings.open
    assert outages(history[:3], findings, wanted=2)[1].to_s == float("inf")
    assert any("being healed" in line for line in findings.open)


def test_one_fault_of_two_is_not_enough() -> None:
    """A majority that was never away has shown nothing."""
    verdict = judge_broker_drill(Promise(faults=2))(evidence(failover()))
    assert verdict.status is Status.UNKNOWN
    assert "only 1 of 2" in verdict.reason
    assert judge_broker_drill(Promise(faults=0))(evidence(without(failover(), "fault"))).status is Status.PASS
