"""Addresses and deliveries in memory: one address book a customer, one shipment an order, no carrier to Antarctica."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sim.runtime.fake.shop.model import Call, Handler, Hearing, Shelves, page
from sim.services.addresses import api as addresses
from sim.services.contract.events import (
    DeliveryCreated,
    DeliveryMoved,
    DeliveryRefused,
    Line,
    OrderCancelled,
    OrderPlaced,
    PostalAddress,
)
from sim.services.contract.problem import Problem, not_found
from sim.services.contract.shop import SHOW_ADDRESS, Address
from sim.services.deliveries import api as deliveries

DELIVERIES = "deliveries"
UNSERVED = "AQ"
_CARRIER = "Modelled Parcel"
_NEXT = {
    "created": ("shipped",),
    "shipped": ("in-transit",),
    "in-transit": ("in-transit", "delivered", "returned"),
}


def handlers() -> Mapping[str, Handler]:
    return {
        "addresses.list": _addresses,
        "addresses.create": _keep,
        "addresses.validate": lambda call: _postal(call.body),
        SHOW_ADDRESS.name: show_address,
        "addresses.change": _change,
        "addresses.delete": _forget,
        "deliveries.list": _deliveries,
        "deliveries.show": lambda call: _visible(call, call.rows("deliveries").get(call.path["delivery_id"])),
        "deliveries.by-order": _by_order,
        "deliveries.track": _track,
        "deliveries.move": _move,
    }


def hearings() -> Mapping[tuple[str, str], Hearing]:
    return {(DELIVERIES, "order.placed"): _ship, (DELIVERIES, "order.cancelled"): _cancel}


def _postal(form: addresses.AddressForm) -> PostalAddress:
    country = form.country.upper()
    if len(country) != 2:
        raise Problem(422, "There is no such country.", fields={"country": "unknown"})
    if country == "FR" and not (len(form.postal_code) == 5 and form.postal_code.isdigit()):
        raise Problem(422, "The address is not valid.", fields={"postal_code": "five digits"})
    return PostalAddress(form.recipient, form.line1, form.postal_code, form.city, country, form.line2)


def _book(call: Call) -> dict[str, Address]:
    books: dict[str, dict[str, Address]] = call.shop.books["addresses"].table("books")
    return books.setdefault(call.caller.user_id, {})


def _keep(call: Call) -> Address:
    book, address_id = _book(call), call.shop.new_id()
    book[address_id] = Address(address_id, _postal(call.body), default=call.body.default or not book)
    return book[address_id]


def show_address(call: Call) -> Address:
    found = _book(call).get(call.path["address_id"])
    if found is None:
        raise not_found("This address")
    return found


def _addresses(call: Call) -> addresses.Addresses:
    return addresses.Addresses(*page(list(_book(call).values())[::-1], call.query.limit, call.query.after))


def _change(call: Call) -> Address:
    """Only which one is the default: the rest is the real service's to check."""
    kept = show_address(call)
    default = kept.default if call.body.default is msgspec.UNSET else call.body.default
    _book(call)[kept.address_id] = msgspec.structs.replace(kept, default=default)
    return _book(call)[kept.address_id]


def _forget(call: Call) -> None:
    del _book(call)[show_address(call).address_id]


def _ship(shelves: Shelves, placed: OrderPlaced, trace_id: str) -> None:
    table: dict[str, deliveries.Delivery] = shelves.books[DELIVERIES].table("deliveries")
    served = placed.address.country != UNSERVED
    delivery_id, now = shelves.new_id(), shelves.stamp()
    code = f"FK{shelves.rng.getrandbits(40):012d}" if served else None
    table[delivery_id] = deliveries.Delivery(
        delivery_id,
        placed.order_id,
        placed.user_id,
        "created" if served else "refused",
        _CARRIER if served else None,
        code,
        placed.address,
        tuple(Line(line.sku, line.quantity) for line in placed.lines),
        (),
        now,
        now,
        None if served else "No carrier serves the country.",
    )
    if code is not None:
        shelves.emit(DELIVERIES, "delivery.created", DeliveryCreated(placed.order_id, delivery_id, code), trace_id)
    else:
        shelves.emit(
            DELIVERIES, "delivery.refused", DeliveryRefused(placed.order_id, "No carrier serves it."), trace_id
        )


def _cancel(shelves: Shelves, cancelled: OrderCancelled, trace_id: str) -> None:
    table: dict[str, deliveries.Delivery] = shelves.books[DELIVERIES].table("deliveries")
    for delivery in list(table.values()):
        if delivery.order_id == cancelled.order_id and delivery.state == "created":
            table[delivery.delivery_id] = msgspec.structs.replace(delivery, state="cancelled", reason=cancelled.reason)
            moved = DeliveryMoved(delivery.order_id, delivery.delivery_id, "cancelled")
            shelves.emit(DELIVERIES, "delivery.moved", moved, trace_id)


def _visible(call: Call, delivery: deliveries.Delivery | None) -> deliveries.Delivery:
    """Somebody else's does not exist."""
    may = delivery is not None and (delivery.user_id == call.caller.user_id or call.caller.may("deliveries.manage"))
    if delivery is None or not may:
        raise not_found("This delivery")
    return delivery


def _deliveries(call: Call) -> deliveries.Deliveries:
    query: deliveries.DeliveriesQuery = call.query
    everybody = call.caller.may("deliveries.manage")
    wanted = query.user if everybody else call.caller.user_id
    kept = [
        deliveries.DeliverySummary(
            d.delivery_id,
            d.order_id,
            d.user_id,
            d.state,
            d.carrier,
            d.tracking_code,
            d.destination.country if d.destination else None,
            d.created_at,
            d.updated_at,
        )
        for d in reversed(call.rows("deliveries").values())
        if wanted in {None, d.user_id} and query.state in {None, d.state}
    ]
    return deliveries.Deliveries(*page(kept, query.limit, query.after))


def _by_order(call: Call) -> deliveries.Delivery:
    found = [d for d in call.rows("deliveries").values() if d.order_id == call.path["order_id"]]
    return _visible(call, found[0] if found else None)


def _track(call: Call) -> deliveries.Tracking:
    for d in call.rows("deliveries").values():
        if d.tracking_code == call.path["tracking_code"]:
            return deliveries.Tracking(d.tracking_code, d.carrier, d.state, d.destination.country, d.movements)
    raise not_found("A parcel with this code")


def _move(call: Call) -> deliveries.Delivery:
    delivery = _visible(call, call.rows("deliveries").get(call.path["delivery_id"]))
    if call.body.state not in _NEXT.get(delivery.state, ()):
        raise Problem(409, f"A delivery that is {delivery.state} cannot become {call.body.state}.")
    movement = deliveries.Movement(call.body.state, call.body.location, call.shop.stamp(), call.body.note)
    moved = msgspec.structs.replace(delivery, state=call.body.state, movements=(*delivery.movements, movement))
    call.rows("deliveries")[delivery.delivery_id] = moved
    call.emit("delivery.moved", DeliveryMoved(moved.order_id, moved.delivery_id, moved.state))
    return moved
