"""The checkout's saga under every order of events, with repeats, late ones and customers who change their minds."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.contract.events import (
    BasketCleared,
    DeliveryCreated,
    DeliveryMoved,
    DeliveryRefused,
    NotificationSent,
    StockCommitted,
    StockRefused,
)
from sim.services.orders.saga import (
    CANCELLATION_TEMPLATE,
    CONFIRMATION_TEMPLATE,
    CancelRequested,
    Happening,
    IllegalTransition,
    Saga,
    State,
    StateRequested,
    advance,
)

ORDER = "0d7d8b0e-6f4c-4a6e-9c1a-2b3c4d5e6f70"
COMMITTED, NO_STOCK = StockCommitted(ORDER), StockRefused(ORDER, "sold out")
CREATED, NOT_SERVED = DeliveryCreated(ORDER, "d", "t"), DeliveryRefused(ORDER, "No carrier serves AQ.")
CLEARED = BasketCleared(ORDER, "b")
CONFIRMATION, CANCELLATION = (
    NotificationSent(CONFIRMATION_TEMPLATE, ORDER),
    NotificationSent(CANCELLATION_TEMPLATE, ORDER),
)
CANCEL = CancelRequested("changed my mind")
RANKS = ("placed", "confirmed", "shipped", "delivered", "closed")


def moved(state: str) -> DeliveryMoved:
    return DeliveryMoved(ORDER, "d", state)


def play(*happenings: Happening, saga: Saga | None = None) -> tuple[Saga, Counter[str]]:
    """All of them in turn; where it ends, and how often what was said. Requests that come too late are passed over."""
    saga = saga or Saga()
    said: Counter[str] = Counter()
    for happening in happenings:
        try:
            outcome = advance(saga, happening)
        except IllegalTransition:
            assert isinstance(happening, (CancelRequested, StateRequested))
            continue
        saga = outcome.saga
        said.update(outcome.emits)
    return saga, said


@pytest.mark.parametrize("events", list(itertools.permutations((COMMITTED, CREATED, CLEARED))))
def test_an_order_is_confirmed_once_whatever_comes_first(events: tuple[Happening, ...]) -> None:
    """All orders of the three answers end confirmed, with one confirmation; its sending settles the order."""
    saga, said = play(*events, *events)
    assert saga.state == "confirmed"
    assert said == {"confirmation": 1}
    assert not saga.is_settled
    assert advance(saga, CONFIRMATION).saga.is_settled


@pytest.mark.parametrize("events", list(itertools.permutations((NO_STOCK, CREATED, CLEARED, moved("cancelled")))))
def test_an_order_without_stock_is_cancelled_once(events: tuple[Happening, ...]) -> None:
    """There is nothing to put back on the shelf, and the delivery is known to be cancelled."""
    saga, said = play(*events, *events, CANCELLATION)
    assert saga.state == "cancelled"
    assert said == {"order.cancelled": 1, "cancellation": 1}
    assert saga.steps["restock"] == "skipped"
    assert saga.steps["cancel-delivery"] == "done"
    assert saga.is_settled


@pytest.mark.parametrize("events", list(itertools.permutations((COMMITTED, NOT_SERVED, CLEARED))))
def test_an_order_nobody_delivers_gives_its_stock_back(events: tuple[Happening, ...]) -> None:
    """Also when the stock is sold after the order was cancelled: products hear ``order.cancelled`` all the same."""
    saga, said = play(*events, *events, CANCELLATION)
    assert saga.state == "cancelled"
    assert said == {"order.cancelled": 1, "cancellation": 1}
    assert saga.steps["restock"] == "requested"
    assert saga.steps["cancel-delivery"] == "skipped"
    assert saga.is_settled


def test_both_refused_is_one_cancellation() -> None:
    """The second refusal changes nothing but its own step."""
    saga, said = play(NO_STOCK, NOT_SERVED)
    assert said == {"order.cancelled": 1, "cancellation": 1}
    assert saga.reason == "sold out"


def test_the_first_answer_of_a_step_stands() -> None:
    """A step that was done is not refused afterwards, nor the other way round."""
    saga, said = play(COMMITTED, CREATED, NO_STOCK, NOT_SERVED)
    assert (saga.state, said) == ("confirmed", {"confirmation": 1})
    saga, said = play(NO_STOCK, COMMITTED, CREATED)
    assert (saga.state, said) == ("cancelled", {"order.cancelled": 1, "cancellation": 1})


def test_a_parcel_that_is_out_before_its_stock_is_committed_waits_for_it() -> None:
    """The order is not shipped until it is confirmed, and is confirmed on the way there."""
    saga, said = play(moved("in-transit"), moved("shipped"), CREATED)
    assert (saga.state, saga.shipment, said) == ("placed", "in-transit", {})
    saga, said = play(COMMITTED, saga=saga)
    assert (saga.state, said) == ("shipped", {"confirmation": 1})


def test_a_customer_can_cancel_until_the_parcel_is_out() -> None:
    """Afterwards it is refused, also before the order itself is known to be shipped."""
    assert play(CANCEL)[0].state == "cancelled"
    assert play(COMMITTED, CREATED, CANCEL)[0].state == "cancelled"
    for before in ((COMMITTED, CREATED, moved("shipped")), (moved("shipped"),)):
        saga, _ = play(*before)
        with pytest.raises(IllegalTransition, match="shipped"):
            advance(saga, CANCEL)


def test_cancelling_twice_is_cancelling_once() -> None:
    """The second request is granted and says nothing."""
    saga, said = play(CANCEL, CANCEL)
    assert saga.state == "cancelled"
    assert said == {"order.cancelled": 1, "cancellation": 1}


def test_a_cancelled_order_whose_parcel_had_left_says_so() -> None:
    """The delivery cannot be cancelled any more; when the parcel is back, it is."""
    saga, _ = play(COMMITTED, CREATED, CANCEL, moved("shipped"))
    assert saga.state == "cancelled"
    assert saga.steps["cancel-delivery"] == "refused"
    assert play(moved("returned"), saga=saga)[0].steps["cancel-delivery"] == "done"


def test_a_returned_parcel_can_be_cancelled_by_staff_and_nothing_else_that_is_shipped() -> None:
    """What came back is put back on the shelf; what is out is not."""
    out, _ = play(COMMITTED, CREATED, moved("shipped"))
    with pytest.raises(IllegalTransition):
        advance(out, StateRequested("cancelled", "why not"))
    back, _ = play(moved("returned"), saga=out)
    assert back.state == "shipped"
    saga, said = play(StateRequested("cancelled", "came back"), saga=back)
    assert (saga.state, said) == ("cancelled", {"order.cancelled": 1, "cancellation": 1})


def test_staff_move_an_order_along_its_life_and_no_other_way() -> None:
    """Of all requests in all states exactly the documented ones are granted."""
    reached: dict[State, Saga] = {"placed": Saga(), "confirmed": play(COMMITTED, CREATED)[0]}
    reached["shipped"] = advance(reached["confirmed"], StateRequested("shipped", "")).saga
    reached["delivered"] = advance(reached["shipped"], StateRequested("delivered", "")).saga
    reached["closed"] = advance(reached["delivered"], StateRequested("closed", "")).saga
    reached["cancelled"] = play(CANCEL)[0]
    granted = set()
    for before, wanted in itertools.product(reached, reached):
        try:
            assert advance(reached[before], StateRequested(wanted, "x")).saga.state == wanted
            granted.add((before, wanted))
        except IllegalTransition:
            continue
    assert granted == {
        ("placed", "cancelled"),
        ("confirmed", "shipped"),
        ("confirmed", "cancelled"),
        ("shipped", "delivered"),
        ("delivered", "closed"),
    }


def test_an_order_set_ahead_by_hand_does_not_fall_back() -> None:
    """News of the parcel that are behind what staff know change nothing."""
    saga, _ = play(COMMITTED, CREATED, StateRequested("shipped", ""), StateRequested("delivered", ""))
    assert play(moved("shipped"), moved("in-transit"), saga=saga)[0].state == "delivered"


PARCEL = st.sampled_from(
    [
        (),
        ("shipped",),
        ("shipped", "in-transit"),
        ("shipped", "in-transit", "delivered"),
        ("shipped", "in-transit", "returned"),
    ]
)


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Happening], random.Random]:
    """What the other services say about one order, some of it twice, in any order."""
    stock: Happening = COMMITTED if draw(st.booleans()) else NO_STOCK
    delivery: Happening = CREATED if draw(st.booleans()) else NOT_SERVED
    parcel = draw(PARCEL) if delivery is CREATED else ()
    told: list[Happening] = [stock, delivery, CLEARED, *(moved(state) for state in parcel)]
    told += draw(st.lists(st.sampled_from(told), max_size=6))
    return draw(st.permutations(told)), draw(st.randoms(use_true_random=False))


@given(stories())
def test_the_order_of_events_leaves_no_trace(story: tuple[list[Happening], random.Random]) -> None:
    """Shuffled or repeated, the same facts end in the same steps and state, having said the same things once."""
    told, chance = story
    shuffled = list(told)
    chance.shuffle(shuffled)
    (one, said), (other, said_too) = play(*told), play(*shuffled)
    assert (one.state, one.steps, one.shipment) == (other.state, other.steps, other.shipment)
    assert said == said_too
    assert set(said.values()) <= {1}


@given(stories(), st.data())
def test_compensation_happens_exactly_once_or_not_at_all(
    story: tuple[list[Happening], random.Random], data: st.DataObject
) -> None:
    """With customer and staff asking for things in between, cancelled is for ever; other orders only go forward."""
    requests: st.SearchStrategy[Happening] = st.sampled_from(
        [CANCEL, *(StateRequested(state, "") for state in ("shipped", "delivered", "closed", "cancelled"))]
    )
    told = list(story[0])
    for request in data.draw(st.lists(requests, max_size=5)):
        told.insert(data.draw(st.integers(0, len(told))), request)
    saga, said = Saga(), Counter[str]()
    for happening in told:
        before = saga
        saga, more = play(happening, saga=before)
        said += more
        if before.state == "cancelled":
            assert saga.state == "cancelled"
            assert not more
        elif saga.state != "cancelled":
            assert RANKS.index(saga.state) >= RANKS.index(before.state)
    cancelled = saga.state == "cancelled"
    assert said["order.cancelled"] == said["cancellation"] == int(cancelled)
    assert said["confirmation"] == int("notify" in saga.steps)
    if not cancelled:
        assert saga.state == "placed" or told.index(COMMITTED) >= 0
        assert "restock" not in saga.steps


@given(stories())
def test_an_order_settles_when_everybody_has_answered(story: tuple[list[Happening], random.Random]) -> None:
    """With its notification sent and its delivery's end told, no order is stuck."""
    saga, said = play(*story[0])
    closing: list[Happening] = [CANCELLATION if said["cancellation"] else CONFIRMATION]
    if saga.state == "cancelled" and saga.shipment is None:
        closing.append(moved("cancelled"))
    assert play(*closing, saga=saga)[0].is_settled
