"""How far a fault reached, and whether all came to rest: histories spoiled one way each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from sim.checks.blast import CALL, KINDS, Reach, judge_blast, tied_to
from sim.checks.rest import CLUSTER, QUEUES, REST, SERVERS, at_rest
from sim.history import Observation, Outcome
from sim.verdict import Status, failed, passed, unknown
from tests.unit.drill_histories import evidence, seen, topology, without

_DATABASE = "orders-service-mysql"
_DIES_S, _STARTS_S = 10.0, 14.0


def _calls(silent: Mapping[str, tuple[float, float]]) -> list[Observation]:
    """Every kind four times a second from 5 s to 25 s, without a good answer while it is ``silent``."""
    return [
        seen(
            t + 0.01,
            CALL,
            kind,
            Outcome.UNSURE if kind in silent and silent[kind][0] <= t < silent[kind][1] else Outcome.OK,
            intended_s=t,
            status=200,
        )
        for kind in KINDS
        for t in (5.0 + n / 4 for n in range(80))
    ]


def _history(silent: Mapping[str, tuple[float, float]], *, sold: int = 2, orders: int = 2) -> list[Observation]:
    accepted = [f"o-{n}" for n in range(2)]
    there = accepted[:orders]
    movements = [{"reference": o, "kind": "sold", "quantity": 1} for o in there[:sold]]
    return [
        *_calls(silent),
        *(seen(25.1, "load", kind, of=CALL) for kind in KINDS),
        *(seen(6.0, "checkout", order_id=o, status=201) for o in accepted),
        seen(_DIES_S, "fault", _DATABASE, name="kill -9", phase="inject", evidence="container exited"),
        seen(_STARTS_S, "fault", _DATABASE, name="kill -9", phase="heal", evidence="serving"),
        seen(26, "orders", items=[{"order_id": o, "state": "confirmed", "settled": True} for o in there]),
        seen(26, "deliveries", items=[{"order_id": o, "delivery_id": f"d-{o}", "state": "x"} for o in there]),
        seen(4, "stock", phase="before", on_hand=10, reserved=0, movements=[]),
        seen(26, "stock", phase="after", on_hand=10 - len(movements), reserved=0, movements=movements),
    ]


_AS_DOCUMENTED = {"orders": (_DIES_S, 16.0)}


def test_only_the_owner_suffers_and_every_order_happened_once() -> None:
    """The owner's recovery is a number of its own; nobody else's gap is more than noise."""
    verdict = judge_blast(Reach(2.0))(evidence(_history(_AS_DOCUMENTED)))
    assert verdict.status is Status.PASS, verdict.reason
    resolution_ms = verdict.numbers["rto_orders_resolution_ms"]
    assert resolution_ms == pytest.approx(125, abs=10)
    assert verdict.numbers["rto_orders_ms"] == pytest.approx(6000, abs=resolution_ms)
    assert verdict.numbers["rto_products_ms"] == 0
    assert verdict.numbers["services_that_suffered"] == 1
    assert (verdict.numbers["lost"], verdict.numbers["rpo_ms"]) == (0, 0)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (_history({**_AS_DOCUMENTED, "sav": (11.0, 14.0)}), "sav had no good answer for"),
        (_history(_AS_DOCUMENTED, sold=1), "moved stock 0 times"),
        (_history(_AS_DOCUMENTED, orders=1), "there is no such order: o-1"),
    ],
)
def test_a_stranger_that_suffers_and_an_order_not_once_fail(history: list[Observation], said: str) -> None:
    """Each is named."""
    verdict = judge_blast(Reach(2.0))(evidence(history))
    assert verdict.status is Status.FAIL
    assert any(said in line for line in verdict.evidence), verdict.evidence


def test_an_accepted_order_that_is_gone_is_lost_with_its_age() -> None:
    """Lost as a number, and how far back from the death."""
    numbers = judge_blast(Reach(2.0))(evidence(_history(_AS_DOCUMENTED, orders=1))).numbers
    assert (numbers["lost"], numbers["rpo_ms"]) == (1, 4000)


def test_errors_beyond_the_objective_fail_where_a_budget_is_promised() -> None:
    """One question in a hundred may come to nothing; with the owner away for six seconds more did."""
    history = _history(_AS_DOCUMENTED)
    verdict = judge_blast(Reach(2.0, budget=True))(evidence(history))
    assert verdict.status is Status.FAIL
    assert "the objective allows 1.00%" in verdict.reason
    assert judge_blast(Reach(2.0, budget=True))(evidence(_history({}))).status is Status.PASS


def test_a_service_that_never_answers_again_is_open_until_it_was_asked_for_a_minute() -> None:
    """Fifteen seconds of asking show nothing; a minute does."""
    gone = _history({"orders": (_DIES_S, 99.0)})
    assert judge_blast(Reach(2.0))(evidence(gone)).status is Status.UNKNOWN
    late = seen(_DIES_S + 61, CALL, "orders", Outcome.UNSURE, intended_s=_DIES_S + 60, status=0)
    verdict = judge_blast(Reach(2.0))(evidence([*gone, late]))
    assert verdict.status is Status.FAIL
    assert "orders had no good answer again within 60 s" in verdict.reason


@pytest.mark.parametrize("op", [CALL, "load", "fault", "checkout", "orders", "deliveries", "stock"])
def test_without_its_evidence_it_is_unknown(op: str) -> None:
    """Each kind of observation is needed, and none at all is UNKNOWN."""
    judge = judge_blast(Reach(2.0))
    assert judge(evidence([])).status is Status.UNKNOWN
    assert judge(evidence(without(_history(_AS_DOCUMENTED), op))).status is Status.UNKNOWN


def test_who_is_tied_to_what_follows_from_the_document_and_the_contract() -> None:
    """A database ties its owner and who asks it; the gateway ties all; a broker node and the cache tie nobody."""
    tied = {server: sorted(tied_to(topology(), server)) for server in (_DATABASE, "products-service-mysql", "redis")}
    assert tied == {_DATABASE: ["orders"], "products-service-mysql": ["baskets", "orders", "products"], "redis": []}
    assert tied_to(topology(), "orders-service-1") == {"orders"}
    assert tied_to(topology(), "rabbitmq-cluster-server-0") == frozenset()
    assert len(tied_to(topology(), "api-gateway")) == 13


def _rest(**outcomes: Outcome) -> list[Observation]:
    times = count(30)
    return [
        seen(next(times), REST, what, outcomes.get(what, Outcome.OK), took_s=0.2, message="x holds 3")
        for what in (SERVERS, CLUSTER, QUEUES)
    ]


@pytest.mark.parametrize(
    ("said", "rest", "status"),
    [
        (passed("fine"), _rest(), Status.PASS),
        (passed("fine"), _rest(queues=Outcome.FAILED), Status.FAIL),
        (passed("fine"), _rest(cluster=Outcome.UNSURE), Status.UNKNOWN),
        (passed("fine"), [], Status.UNKNOWN),
        (unknown("open"), _rest(queues=Outcome.FAILED), Status.UNKNOWN),
        (failed("lost"), [], Status.FAIL),
    ],
)
def test_a_platform_that_does_not_come_to_rest_is_no_pass(said: Any, rest: list[Observation], status: Status) -> None:
    """What the drill showed stands, unless it was a pass."""
    verdict = at_rest(lambda _: said)(evidence(rest))
    assert verdict.status is status
    assert verdict.numbers["rest_ms"] == pytest.approx(200 * len(rest))


def test_the_judge_keeps_its_evidence() -> None:
    """Beside what the platform did after the drill."""
    verdict = at_rest(lambda _: replace(passed("fine"), evidence=("seen",)))(evidence(_rest(queues=Outcome.FAILED)))
    assert verdict.evidence[-1] == "seen"
    assert "x holds 3" in verdict.reason
