"""Routes and bodies of orders, below ``/api/orders``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sim.services.contract.events import PostalAddress, PricedLine
from sim.services.contract.route import SIGNED_IN, Route
from sim.services.contract.shop import Identifier
from sim.services.contract.text import END
from sim.services.orders.saga import State, Status, Step

Reason = Annotated[str, Meta(max_length=200)]


class Checkout(msgspec.Struct, frozen=True):
    """``expected_total_cents`` is what the customer was shown: another price today is 409, and nothing is bought."""

    address_id: Identifier
    expected_total_cents: Annotated[int, Meta(ge=0, le=1_000_000_000_000)] | None = None


class SagaStep(msgspec.Struct, frozen=True):
    """``at`` is when it took this status."""

    step: Step
    status: Status
    began_at: str
    at: str


class OrderDelivery(msgspec.Struct, frozen=True):
    """``state`` is ``created`` or the furthest the parcel is known to have come."""

    delivery_id: str
    tracking_code: str | None
    state: str


class Order(msgspec.Struct, frozen=True):
    """``settled``: nothing is waited for any more. ``version`` counts its changes."""

    order_id: str
    number: int
    user_id: str
    state: State
    lines: tuple[PricedLine, ...]
    total_cents: int
    currency: str
    address: PostalAddress
    steps: tuple[SagaStep, ...]
    settled: bool
    delivery: OrderDelivery | None
    cancel_reason: str | None
    placed_at: str
    updated_at: str
    version: int


class OrderSummary(msgspec.Struct, frozen=True):
    order_id: str
    number: int
    user_id: str
    state: State
    total_cents: int
    currency: str
    settled: bool
    placed_at: str
    updated_at: str


class Orders(msgspec.Struct, frozen=True):
    """Newest first."""

    items: tuple[OrderSummary, ...]
    next: str | None


class StuckOrder(msgspec.Struct, frozen=True):
    """``waits_for`` are the steps nobody answered yet, ``since`` the last time anything moved."""

    order_id: str
    number: int
    state: State
    waits_for: tuple[Step, ...]
    since: str


class StuckOrders(msgspec.Struct, frozen=True):
    """Oldest first."""

    items: tuple[StuckOrder, ...]
    count: int


class HistoryEntry(msgspec.Struct, frozen=True):
    """What was heard or asked; ``before`` and ``after`` are equal where the order's state did not change."""

    name: str
    before: State | None
    after: State
    actor: str
    detail: str
    at: str


class History(msgspec.Struct, frozen=True):
    """Oldest first, and all of it."""

    items: tuple[HistoryEntry, ...]
    next: None = None


class OrdersQuery(msgspec.Struct, frozen=True):
    """``user`` is for who may see everybody's; ``after`` is the ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}" + END)] | None = None
    state: State | None = None
    user: Identifier | None = None


class StuckQuery(msgspec.Struct, frozen=True):
    """``older_than_s`` without anything moving."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    older_than_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 60


class Cancellation(msgspec.Struct, frozen=True):
    reason: Reason = ""


class StateChange(msgspec.Struct, frozen=True):
    """Only an order's own steps confirm it; staff take it from there."""

    state: State
    reason: Reason = ""


ROUTES: Final = (
    Route(
        "orders.checkout",
        "POST",
        "/checkout",
        "Order what is in the caller's basket; 409 for an empty basket, a shortage or another price",
        SIGNED_IN,
        takes=Checkout,
        answers=Order,
        status=201,
        problems=(409, 422),
    ),
    Route(
        "orders.list",
        "GET",
        "",
        "The caller's orders; everybody's with orders.read-any",
        SIGNED_IN,
        answers=Orders,
        query=OrdersQuery,
        problems=(403,),
    ),
    Route(
        "orders.stuck",
        "GET",
        "/stuck",
        "Orders that wait for an answer longer than they should",
        "orders.manage",
        answers=StuckOrders,
        query=StuckQuery,
    ),
    Route("orders.show", "GET", "/{order_id}", "One order", SIGNED_IN, answers=Order, problems=(404,)),
    Route(
        "orders.history",
        "GET",
        "/{order_id}/history",
        "Everything that happened to an order",
        SIGNED_IN,
        answers=History,
        problems=(404,),
    ),
    Route(
        "orders.cancel",
        "POST",
        "/{order_id}/cancel",
        "Cancel an order that has not been shipped; stock, delivery and customer follow by themselves",
        SIGNED_IN,
        takes=Cancellation,
        answers=Order,
        problems=(404, 409),
    ),
    Route(
        "orders.move",
        "POST",
        "/{order_id}/state",
        "placed → confirmed (by its own steps) → shipped → delivered → closed, or cancelled; 409 for any other move",
        "orders.manage",
        takes=StateChange,
        answers=Order,
        problems=(404, 409),
    ),
)
