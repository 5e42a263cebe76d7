"""The ledger of what was sold, on histories written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sim.checks.commit_kills import KILL, judge_commit_kills
from sim.checks.sales import CHECKOUT, DELIVERIES, ORDERS, STOCK, judge_last_items
from sim.history import Observation, Outcome
from sim.runtime.fake.images import fake_images
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict


def _seen(op: str, outcome: Outcome = Outcome.OK, **detail: Any) -> Observation:
    return Observation(1.0, "platform/last-items", "shopper", op, "api-gateway", outcome, detail)


def _history(
    accepted: Sequence[str] = ("o1", "o2"),
    *,
    orders: Sequence[tuple[str, str]] = (("o1", "confirmed"), ("o2", "confirmed")),
    deliveries: Sequence[str] = ("o1", "o2"),
    sold: Sequence[str] = ("o1", "o2"),
    returned: Sequence[str] = (),
    on_hand: tuple[int, int] = (2, 0),
    reserved: int = 0,
    refused: Sequence[int] = (409,),
    unsure: int = 0,
) -> list[Observation]:
    movements = [{"quantity": -1, "kind": "sold", "reference": o} for o in sold]
    movements += [{"quantity": 1, "kind": "returned", "reference": o} for o in returned]
    return [
        _seen(STOCK, phase="before", on_hand=on_hand[0], reserved=0, movements=[]),
        *(_seen(CHECKOUT, status=201, order_id=o) for o in accepted),
        *(_seen(CHECKOUT, Outcome.FAILED, status=status, order_id="") for status in refused),
        *(_seen(CHECKOUT, Outcome.UNSURE, status=504, order_id="") for _ in range(unsure)),
        _seen(ORDERS, items=[{"order_id": o, "state": s, "settled": True} for o, s in orders]),
        _seen(DELIVERIES, items=[{"order_id": o, "delivery_id": f"d-{o}", "state": "created"} for o in deliveries]),
        _seen(STOCK, phase="after", on_hand=on_hand[1], reserved=reserved, movements=movements),
    ]


def _evidence(observations: Sequence[Observation]) -> Evidence:
    topology = load_topology()
    return Evidence(tuple(observations), topology, "development", fake_images(topology))


def _last_two_of_three(observations: Sequence[Observation]) -> Verdict:
    return judge_last_items(3, 2)(_evidence(observations))


def test_exactly_as_many_sold_as_there_were_passes() -> None:
    """Two of two sold, each delivered once, the third customer refused with 409."""
    verdict = _last_two_of_three(_history())
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.numbers["sold"] == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"deliveries": ("o1",)}, "o2 has 0 deliveries"),
        ({"deliveries": ("o1", "o2", "o2")}, "o2 has 2 deliveries"),
        ({"sold": ("o1",), "on_hand": (2, 1), "unsure": 1, "refused": ()}, "o2 moved stock 0 times"),
        ({"sold": ("o1", "o2", "o2")}, "o2 moved stock 2 times"),
        ({"deliveries": ("o1", "o2", "ghost")}, "a delivery of an order that does not exist"),
        ({"orders": (("o1", "confirmed"),)}, "there is no such order: o2"),
        ({"orders": (("o1", "confirmed"), ("o2", "placed"))}, "o2 is placed"),
        ({"orders": (("o1", "confirmed"), ("o2", "cancelled"))}, "o2 was cancelled"),
        ({"accepted": ("o1", "o1")}, "accepted for two checkouts"),
        ({"refused": (500,)}, "refused with 500, not 409"),
        ({"on_hand": (2, -1)}, "3 were sold of 2"),
        ({"reserved": 1}, "still reserved"),
        ({"accepted": ("o1",), "refused": (409, 409)}, "orders nobody was told of"),
    ],
)
def test_what_is_not_exactly_once_fails_and_is_named(changes: dict[str, Any], says: str) -> None:
    """Lost, doubled, orphaned, oversold, left half-way: each fails, in words."""
    verdict = _last_two_of_three(_history(**changes))
    assert verdict.status is Status.FAIL
    assert any(says in line for line in verdict.evidence), verdict.evidence


def test_a_sale_and_its_return_cancel_each_other() -> None:
    """An order cancelled after its sale gives the goods back once; a second time is a fault."""
    undone = {"orders": (("o1", "confirmed"), ("o2", "cancelled")), "deliveries": ("o1",), "on_hand": (2, 1)}
    once = _history(**undone, returned=("o2",))  # type: ignore[arg-type]
    twice = _history(**undone, returned=("o2", "o2"))  # type: ignore[arg-type]
    assert not [line for line in _last_two_of_three(once).evidence if "o2 was cancelled" in line]
    assert [line for line in _last_two_of_three(twice).evidence if "o2 was cancelled" in line]


@pytest.mark.parametrize("missing", [CHECKOUT, ORDERS, DELIVERIES, STOCK])
def test_a_side_of_the_ledger_that_was_not_seen_is_unknown(missing: str) -> None:
    """Nothing is balanced with one side missing."""
    assert _last_two_of_three([o for o in _history() if o.op != missing]).status is Status.UNKNOWN


def test_nothing_seen_is_unknown() -> None:
    """An empty history proves nothing, of crowds and of kills."""
    assert _last_two_of_three([]).status is Status.UNKNOWN
    assert judge_commit_kills(1)(_evidence([])).status is Status.UNKNOWN


def test_a_checkout_without_an_answer_leaves_the_count_open() -> None:
    """Who got no answer may have bought or not: no fault, and no proof."""
    assert _last_two_of_three(_history(refused=(), unsure=1)).status is Status.UNKNOWN


def test_an_order_nobody_was_told_of_needs_a_checkout_without_an_answer() -> None:
    """Accepted and unanswered is as good as accepted; more of them than such checkouts is a fault."""
    kill = _seen(KILL, left=3, number=0)
    told = _history(accepted=("o1",), refused=(), unsure=1)
    assert judge_commit_kills(1)(_evidence([kill, *told])).status is Status.PASS
    untold = _history(accepted=("o1",), refused=(), unsure=0)
    assert judge_commit_kills(1)(_evidence([kill, *untold])).status is Status.FAIL


def test_kills_must_have_fallen_between_commit_and_publication() -> None:
    """Kills that left nothing behind show nothing, however many they were; a lost delivery fails all the same."""
    idle = [_seen(KILL, left=0, number=n) for n in range(50)]
    assert judge_commit_kills(1)(_evidence([*idle, *_history()])).status is Status.UNKNOWN
    assert judge_commit_kills(1)(_evidence([*idle, *_history(deliveries=("o1",))])).status is Status.FAIL
