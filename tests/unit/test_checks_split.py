"""What is weighed of splits beside the ledger: each finds what is wrong, and says when it could not know."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sim.checks import missed_alerts
from sim.checks.findings import Findings
from sim.checks.missed_alerts import judge_missed_alerts
from sim.checks.split import (
    Weigh,
    also,
    auto_healed,
    confirmed_before_heal,
    elections_bounded,
    emptied,
    felt_by_publisher,
    judge_minority_declare,
    led_by_majority,
    reunited,
    rolled_round,
    split_felt,
    undisturbed_by_return,
)
from sim.checks.zones import blast_radius, budgets_kept
from sim.history import Observation, Outcome
from sim.verdict import Status, Verdict
from tests.unit.drill_histories import LEADER, NODES, OTHER, evidence, publish, seen

FAILED, UNSURE = Outcome.FAILED, Outcome.UNSURE
CUT_S, HEALED_S = 10.0, 60.0
_ALL = ",".join(NODES)


def cut(target: str = _ALL, until_s: float = HEALED_S) -> list[Observation]:
    return [
        seen(CUT_S, "fault", target, name="partition", phase="inject", evidence="dropped 3", effect_after_s=0.5),
        seen(until_s, "fault", target, name="partition", phase="heal", evidence="no rules", effect_after_s=0.1),
    ]


def members(**spoilt: object) -> list[Observation]:
    good: dict[str, object] = {"running": NODES, "partitions": [], "members": 3}
    return [seen(70.0, "membership", node, **{**good, **spoilt}) for node in NODES]


def ticks() -> list[Observation]:
    return [seen(9.0, "net-tick", NODES[0], tick_s=8), seen(71.0, "net-tick", NODES[0], tick_s=60)]


def logs(*acted: str) -> list[Observation]:
    return [seen(69.0, "reconciled", node, acted=node in acted, lines=[]) for node in NODES]


def led(*changes: tuple[float, str]) -> list[Observation]:
    return [seen(t_s, "leader", leader=name) for t_s, name in changes]


def went(*entries: int) -> list[Observation]:
    """Each member's log by so many entries, from shortly after the cut to shortly before its end."""
    return [
        seen(t_s, "split", node, term=1, committed=100 + by)
        for node, entry in zip(NODES, entries, strict=True)
        for t_s, by in ((CUT_S + 1.5, 0), (HEALED_S - 1.0, entry))
    ]


def weighed(weigh: Weigh, observations: Sequence[Observation]) -> Status:
    findings = Findings()
    weigh(observations, findings)
    return findings.verdict(lambda _: "holds").status


_LATE = [publish("publish", "m-1", 12.0, after_s=3.0), publish("publish", "m-2", 13.0, outcome=UNSURE, after_s=5.0)]
_ROLLED = [seen(1.0 + n, "rolled", node, down_s=4.0, gate_s=0.0) for n, node in enumerate(NODES)]
_ENTRIES = [seen(80.0, "replica", node, entry=500) for node in NODES]
_EVICTED = [
    seen(20.0, "eviction", "redis", app="redis", available=1, least=0, budgeted=False),
    seen(20.0, "eviction", "auth-service", outcome=FAILED, app="auth-service", available=1, least=2, budgeted=True),
    seen(21.0, "kept-serving", "auth-service"),
]

GOOD: dict[str, tuple[Weigh, list[Observation]]] = {
    "auto-healed": (auto_healed(wanted=True), [*cut(), *ticks(), *logs(LEADER), *members()]),
    "not-auto-healed": (auto_healed(wanted=False), [*cut(), *logs(), *members()]),
    "confirmed": (confirmed_before_heal, [*cut(), publish("publish", "m-1", 20.0)]),
    "led": (led_by_majority, [*cut(), *led((9.0, LEADER), (15.0, OTHER))]),
    "felt": (felt_by_publisher, [*cut(), *_LATE]),
    "logs apart": (split_felt, [*cut(), *went(0, 500, 510)]),
    "no log goes on": (split_felt, [*cut(), *went(0, 0, 0)]),
    "bounded": (elections_bounded(1), led((9.0, LEADER), (15.0, OTHER))),
    "return": (undisturbed_by_return, [*cut(NODES[2]), *led((12.0, OTHER), (65.0, OTHER)), *_ENTRIES]),
    "rolled": (rolled_round(3), _ROLLED),
    "reunited": (reunited, members()),
    "emptied": (emptied, [seen(80.0, "ready", NODES[0], messages=0)]),
    "radius": (blast_radius, [seen(20.0, "standing", "redis"), seen(70.0, "returned", LEADER)]),
    "budgets": (budgets_kept({"auth-service": 2}), _EVICTED),
}

BAD: dict[str, tuple[Weigh, list[Observation]]] = {
    "nobody reconciled": (auto_healed(wanted=True), [*cut(), *ticks(), *logs(), *members()]),
    "restarted for a blip": (auto_healed(wanted=False), [*cut(), *logs(LEADER), *members()]),
    "still apart": (auto_healed(wanted=False), [*cut(), *logs(), *members(partitions=[OTHER])]),
    "one missing": (reunited, members(running=NODES[:2])),
    "majority silent": (confirmed_before_heal, [*cut(), publish("publish", "m-1", 5.0)]),
    "led all along": (led_by_majority, [*cut(), *led((9.0, LEADER), (15.0, LEADER), (65.0, LEADER))]),
    "lead goes round": (elections_bounded(1), led((9.0, LEADER), (15.0, OTHER), (16.0, LEADER))),
    "took the lead": (undisturbed_by_return, [*cut(NODES[2]), *led((12.0, OTHER), (65.0, NODES[2])), *_ENTRIES]),
    "lags behind": (
        undisturbed_by_return,
        [*cut(NODES[2]), *led((65.0, OTHER)), *_ENTRIES[:2], seen(80.0, "replica", NODES[2], entry=10)],
    ),
    "neighbours fell": (
        blast_radius,
        [seen(20.0, "standing", "redis", outcome=FAILED), seen(70.0, "returned", LEADER)],
    ),
    "never returned": (blast_radius, [seen(20.0, "standing", "redis"), seen(70.0, "returned", LEADER, outcome=FAILED)]),
    "auth went silent": (
        budgets_kept({"auth-service": 2}),
        [*_EVICTED[:2], seen(21.0, "kept-serving", "auth-service", outcome=FAILED)],
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_evidence_holds_and_none_is_unknown(name: str) -> None:
    """What was seen to be well is; nothing seen, or nothing but the fault, is no evidence."""
    weigh, observations = GOOD[name]
    assert weighed(weigh, observations) is Status.PASS
    judge = also(lambda e: Verdict(Status.PASS if e.observations else Status.UNKNOWN, "base"), weigh)
    assert judge(evidence(())).status is Status.UNKNOWN


@pytest.mark.parametrize("name", GOOD)
def test_each_kind_of_observation_is_needed(name: str) -> None:
    """Without any one of them it is no pass; the faults themselves are the ledger's judge to miss."""
    weigh, observations = GOOD[name]
    for op in {o.op for o in observations} - {"fault"}:
        assert weighed(weigh, [o for o in observations if o.op != op]) is not Status.PASS, op


@pytest.mark.parametrize("name", BAD)
def test_bad_evidence_fails(name: str) -> None:
    """The platform's own doing, seen: FAIL."""
    assert weighed(*BAD[name]) is Status.FAIL


def test_what_ended_too_soon_to_tell_is_unknown() -> None:
    """A cut of a few seconds without a confirm shows neither."""
    assert weighed(confirmed_before_heal, cut(until_s=14.0)) is Status.UNKNOWN


def test_a_cut_off_leader_that_nobody_looked_at_meanwhile_proves_nothing() -> None:
    """It leads before and after; who led while it was away is open: UNKNOWN, not a failure."""
    assert weighed(led_by_majority, [*cut(), *led((9.0, LEADER), (65.0, LEADER))]) is Status.UNKNOWN


@pytest.mark.parametrize(
    "looked",
    [
        went(400, 500, 510),
        went(0, 500, 510)[:1],
        [seen(20.0, "split", node, outcome=UNSURE, message="it did not answer") for node in NODES],
        [*went(0, 500, 510)[:4], seen(20.0, "split", NODES[2], outcome=UNSURE, message="it did not answer")],
        [seen(CUT_S - 1.0, "split", NODES[0], term=1, committed=1)] * 2,
    ],
    ids=["every log went on", "looked once", "nobody answered", "one did not", "before the cut"],
)
def test_a_split_that_no_log_is_known_to_have_felt_proves_nothing(looked: list[Observation]) -> None:
    """Packets were dropped, and whether the queue's members were parted is open: UNKNOWN, never a pass."""
    assert weighed(split_felt, [*cut(), *looked]) is Status.UNKNOWN


def test_the_worse_of_two_verdicts_decides_and_both_are_told() -> None:
    """A pass of one never covers the other."""
    for base in Status:
        judge = also(lambda _, base=base: Verdict(base, f"base {base}", ("line",)), elections_bounded(0))  # type: ignore[misc]
        worse = judge(evidence(led((1.0, LEADER), (2.0, OTHER))))
        assert worse.status is Status.FAIL
        assert "line" in worse.evidence
        assert judge(evidence(led((1.0, LEADER)))).status is base


def _declared(store: str, outcome: Outcome) -> list[Observation]:
    return [
        seen(5.0, "metadata", LEADER, store=store),
        *cut(),
        *ticks(),
        seen(30.0, "declared", LEADER, outcome=outcome, message="timed out"),
        *logs(),
        *members(),
    ]


def test_a_minority_that_declares_with_khepri_fails_and_mnesia_shows_nothing() -> None:
    """Refused or unanswered is right; declared is wrong; Mnesia, and nothing, are UNKNOWN."""
    judged = judge_minority_declare
    assert judged(evidence(_declared("khepri", FAILED))).status is Status.PASS
    assert judged(evidence(_declared("khepri", Outcome.OK))).status is Status.FAIL
    mnesia = judged(evidence(_declared("mnesia", FAILED)))
    assert (mnesia.status, mnesia.beyond_fidelity) == (Status.UNKNOWN, True)
    assert judged(evidence(())).status is Status.UNKNOWN
    for op in ("metadata", "fault", "declared", "net-tick", "reconciled", "membership"):
        rest = [o for o in _declared("khepri", FAILED) if o.op != op]
        assert judged(evidence(rest)).status is Status.UNKNOWN, op


def _alerts(*channels: str, before: tuple[str, ...] = ("email", "slack"), rules: int = 5) -> list[Observation]:
    kills = [
        [
            seen(10.0, "fault", name, name="kill -9", phase="inject", evidence="gone"),
            seen(40.0, "fault", name, name="kill -9", phase="heal", evidence="back"),
        ]
        for name in ("prometheus-0", "alertmanager-0")
    ]
    return [
        seen(5.0, "watch", "prometheus-1", phase="before", rules=5, alertmanagers=["a:9093"]),
        seen(6.0, "alert", "alertmanager-1", phase="before", channels=list(before), took_s=1.0),
        *kills[0],
        *kills[1],
        seen(15.0, "alert", "alertmanager-1", phase="during", channels=list(channels), took_s=1.2),
        seen(20.0, "watch", "prometheus-1", phase="during", rules=rules, alertmanagers=["a:9093"]),
    ]


def test_an_alert_that_did_not_arrive_was_missed() -> None:
    """On any documented channel; fewer rules watched are as bad; what did not work before proves nothing."""
    assert judge_missed_alerts(evidence(_alerts("email", "slack"))).status is Status.PASS
    assert judge_missed_alerts(evidence(_alerts("email"))).status is Status.FAIL
    assert judge_missed_alerts(evidence(_alerts("email", "slack", rules=4))).status is Status.FAIL
    assert judge_missed_alerts(evidence(_alerts("email", "slack", before=()))).status is Status.UNKNOWN
    assert judge_missed_alerts(evidence(())).status is Status.UNKNOWN
    unwatched = [o for o in _alerts("email", "slack") if o.detail.get("phase") != "before" or o.op != "watch"]
    unwatched.append(seen(5.0, "watch", "prometheus-1", phase="before", rules=0, alertmanagers=["a:9093"]))
    assert judge_missed_alerts(evidence(unwatched)).status is Status.UNKNOWN
    for op in (missed_alerts.ALERT, missed_alerts.WATCH, "fault"):
        rest = [o for o in _alerts("email", "slack") if o.op != op]
        assert judge_missed_alerts(evidence(rest)).status is Status.UNKNOWN, op
