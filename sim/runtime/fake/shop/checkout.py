"""Baskets and orders in memory: what is in a basket becomes an order, which its steps confirm or cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from sim.runtime.fake.shop import catalogue
from sim.runtime.fake.shop.model import Call, Handler, Hearing, Shelves, page
from sim.runtime.fake.shop.shipping import show_address
from sim.services.baskets import api as baskets
from sim.services.contract.events import (
    BasketCleared,
    DeliveryCreated,
    DeliveryMoved,
    Line,
    NotificationRequested,
    OrderCancelled,
    OrderPlaced,
    PostalAddress,
    PricedLine,
)
from sim.services.contract.problem import Problem, not_found
from sim.services.contract.shop import SHOW_BASKET, Basket, Product
from sim.services.orders import api as orders
from sim.services.orders.saga import (
    CANCELLATION_TEMPLATE,
    CONFIRMATION_TEMPLATE,
    STEPS,
    CancelRequested,
    Happening,
    IllegalTransition,
    Saga,
    StateRequested,
    advance,
)

ORDERS, BASKETS = "orders", "baskets"
_READ_ANY = "orders.read-any"
_CURRENCY = "EUR"


@dataclass(slots=True)
class _Basket:
    basket_id: str
    version: int = 0
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Order:
    order_id: str
    number: int
    user_id: str
    email: str
    lines: tuple[PricedLine, ...]
    address: PostalAddress
    placed_at: str
    saga: Saga = field(default_factory=Saga)
    delivery: orders.OrderDelivery | None = None
    version: int = 1

    @property
    def total_cents(self) -> int:
        return _total_cents(self.lines)


def handlers() -> Mapping[str, Handler]:
    return {
        SHOW_BASKET.name: _basket,
        baskets.PUT_ITEM.name: _put_item,
        baskets.DELETE_ITEM.name: _delete_item,
        baskets.EMPTY.name: _empty,
        "orders.checkout": _checkout,
        "orders.list": _list,
        "orders.show": lambda call: _view(_visible(call), call.shop),
        "orders.history": _history,
        "orders.cancel": _cancel,
        "orders.move": _move,
    }


def hearings() -> Mapping[tuple[str, str], Hearing]:
    heard = ("stock.committed", "stock.refused", "delivery.refused", "basket.cleared")
    return {
        (BASKETS, "order.placed"): _clear,
        **{(ORDERS, event): _hear for event in heard},
        (ORDERS, "delivery.created"): _hear_delivery,
        (ORDERS, "delivery.moved"): _hear_delivery,
        (ORDERS, "notification.sent"): _hear_sent,
    }


def _total_cents(lines: tuple[PricedLine, ...]) -> int:
    return sum(line.quantity * line.unit_price_cents for line in lines)


def _own(call: Call) -> _Basket:
    held: dict[str, _Basket] = call.shop.books[BASKETS].table("baskets")
    if call.caller.user_id not in held:
        held[call.caller.user_id] = _Basket(call.shop.new_id())
    return held[call.caller.user_id]


def _basket(call: Call) -> Basket:
    own, products = _own(call), call.shop.books[catalogue.SERVICE].table("products")
    lines = tuple(
        PricedLine(sku, products[sku].name, quantity, products[sku].unit_price_cents)
        for sku, quantity in sorted(own.lines.items())
    )
    return Basket(own.basket_id, own.version, lines, _total_cents(lines), _CURRENCY)


def _put_item(call: Call) -> Basket:
    call.shop.ask(catalogue.SERVICE, call.trace_id)
    sku = call.path["sku"]
    products: dict[str, Product] = call.shop.books[catalogue.SERVICE].table("products")
    stock: dict[str, catalogue.Stock] = call.shop.books[catalogue.SERVICE].table("stock")
    if sku not in products:
        raise not_found("This product")
    if not products[sku].on_sale or stock[sku].available < call.body.quantity:
        raise Problem(409, "It is not sold, or there are not as many.")
    own = _own(call)
    own.lines[sku] = call.body.quantity
    own.version += 1
    return _basket(call)


def _delete_item(call: Call) -> Basket:
    own = _own(call)
    if own.lines.pop(call.path["sku"], None) is not None:
        own.version += 1
    return _basket(call)


def _empty(call: Call) -> None:
    own = _own(call)
    own.lines.clear()
    own.version += 1


def _clear(shelves: Shelves, placed: OrderPlaced, trace_id: str) -> None:
    own: _Basket = shelves.books[BASKETS].table("baskets")[placed.user_id]
    for line in placed.lines:
        left = own.lines.get(line.sku, 0) - line.quantity
        if left > 0:
            own.lines[line.sku] = left
        else:
            own.lines.pop(line.sku, None)
    own.version += 1
    shelves.emit(BASKETS, "basket.cleared", BasketCleared(placed.order_id, placed.basket_id), trace_id)


def _checkout(call: Call) -> orders.Order:
    for asked in (BASKETS, "addresses", catalogue.SERVICE):
        call.shop.ask(asked, call.trace_id)
    basket = _basket(call)
    if not basket.lines:
        raise Problem(409, "The basket is empty.")
    if call.body.expected_total_cents not in {None, basket.total_cents}:
        raise Problem(409, "The price has changed.")
    asking = Call(call.route, {"address_id": call.body.address_id}, None, None, call.identity, call.shop, call.trace_id)
    try:
        address = show_address(asking).address
    except Problem:
        raise Problem(422, "There is no such address.") from None
    order_id = call.shop.new_id()
    lines = catalogue.reserve(call.shop, order_id, tuple(Line(line.sku, line.quantity) for line in basket.lines))
    table: dict[str, _Order] = call.rows("orders")
    caller = call.caller
    order = _Order(order_id, len(table) + 1, caller.user_id, caller.email, lines, address, call.shop.stamp())
    table[order_id] = order
    call.emit(
        "order.placed",
        OrderPlaced(
            order_id=order_id,
            user_id=order.user_id,
            email=order.email,
            basket_id=basket.basket_id,
            basket_version=basket.version,
            lines=lines,
            address=address,
            total_cents=order.total_cents,
            currency=_CURRENCY,
        ),
    )
    return _view(order, call.shop)


def _view(order: _Order, shelves: Shelves) -> orders.Order:
    now = shelves.stamp()
    steps = tuple(
        orders.SagaStep(step, order.saga.steps[step], order.placed_at, now)
        for step in STEPS
        if step in order.saga.steps
    )
    return orders.Order(
        order_id=order.order_id,
        number=order.number,
        user_id=order.user_id,
        state=order.saga.state,
        lines=order.lines,
        total_cents=order.total_cents,
        currency=_CURRENCY,
        address=order.address,
        steps=steps,
        settled=order.saga.is_settled,
        delivery=order.delivery,
        cancel_reason=order.saga.reason,
        placed_at=order.placed_at,
        updated_at=now,
        version=order.version,
    )


def _visible(call: Call) -> _Order:
    """Somebody else's does not exist."""
    order: _Order | None = call.rows("orders").get(call.path["order_id"])
    own = order is not None and order.user_id == call.caller.user_id
    may = own or call.caller.may(_READ_ANY) or call.shop.switches.shows_everybody
    if order is None or not may:
        raise not_found("This order")
    return order


def _history(call: Call) -> orders.History:
    """No more of it than how it began: what happened since is in the saga's steps."""
    order = _visible(call)
    return orders.History((orders.HistoryEntry("placed", None, "placed", order.user_id, "", order.placed_at),))


def _list(call: Call) -> orders.Orders:
    query: orders.OrdersQuery = call.query
    if query.user not in {None, call.caller.user_id} and not call.caller.may(_READ_ANY):
        raise Problem(403, f"This takes the permission {_READ_ANY}.")
    wanted = query.user if call.caller.may(_READ_ANY) else call.caller.user_id
    kept = [
        orders.OrderSummary(
            order.order_id,
            order.number,
            order.user_id,
            order.saga.state,
            order.total_cents,
            _CURRENCY,
            order.saga.is_settled,
            order.placed_at,
            order.placed_at,
        )
        for order in reversed(call.rows("orders").values())
        if wanted in {None, order.user_id} and query.state in {None, order.saga.state}
    ]
    return orders.Orders(*page(kept, query.limit, query.after))


def _cancel(call: Call) -> orders.Order:
    return _asked(call, CancelRequested(call.body.reason))


def _move(call: Call) -> orders.Order:
    return _asked(call, StateRequested(call.body.state, call.body.reason))


def _asked(call: Call, happening: Happening) -> orders.Order:
    order = _visible(call)
    try:
        _happen(call.shop, order, happening, call.trace_id)
    except IllegalTransition as error:
        raise Problem(409, str(error)) from error
    return _view(order, call.shop)


def _happen(shelves: Shelves, order: _Order, happening: Happening, trace_id: str) -> None:
    outcome = advance(order.saga, happening)
    order.saga = outcome.saga
    order.version += 1
    for emission in outcome.emits:
        if emission == "order.cancelled":
            cancelled = OrderCancelled(order.order_id, order.user_id, order.saga.reason or "")
            shelves.emit(ORDERS, "order.cancelled", cancelled, trace_id)
        else:
            template = CONFIRMATION_TEMPLATE if emission == "confirmation" else CANCELLATION_TEMPLATE
            wanted = NotificationRequested(order.email, template, order.order_id, {})
            shelves.emit(ORDERS, "notification.order", wanted, trace_id)


def _of(shelves: Shelves, order_id: str) -> _Order | None:
    order: _Order | None = shelves.books[ORDERS].table("orders").get(order_id)
    return order


def _hear(shelves: Shelves, heard: Happening, trace_id: str) -> None:
    order = _of(shelves, getattr(heard, "order_id", ""))
    if order is not None:
        _happen(shelves, order, heard, trace_id)


def _hear_delivery(shelves: Shelves, heard: DeliveryCreated | DeliveryMoved, trace_id: str) -> None:
    order = _of(shelves, heard.order_id)
    if order is None:
        return
    if isinstance(heard, DeliveryCreated):
        order.delivery = orders.OrderDelivery(heard.delivery_id, heard.tracking_code, "created")
    elif order.delivery is not None:
        order.delivery = msgspec.structs.replace(order.delivery, state=heard.state)
    _happen(shelves, order, heard, trace_id)


def _hear_sent(shelves: Shelves, heard: Happening, trace_id: str) -> None:
    order = _of(shelves, getattr(heard, "reference", ""))
    if order is not None:
        _happen(shelves, order, heard, trace_id)
