"""Deliveries as a service: makes a shipment of every order placed, moves it along, and says where it is."""

from __future__ import annotations

import re
from typing import Final

from sim.services.chassis.service import Call, Event, Reply, Row, Service, Transaction
from sim.services.contract.events import (
    DeliveryCreated,
    DeliveryMoved,
    DeliveryRefused,
    OrderCancelled,
    OrderPlaced,
)
from sim.services.contract.problem import Problem, not_found
from sim.services.deliveries import shipments
from sim.services.deliveries.api import ROUTES, Deliveries, Delivery, Tracking
from sim.services.deliveries.carriers import carrier_for
from sim.services.deliveries.moves import IllegalMove, can_cancel, move

_MANAGE: Final = "deliveries.manage"
_IDENTIFIER: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TRACKING_CODE: Final = re.compile("[A-Z]{2}(?:-[0-9A-Z]{4}){3}")


def _list(call: Call) -> Deliveries:
    caller, query = call.caller, call.query
    everybodys = caller.may(_MANAGE)
    if query.user not in {None, caller.user_id} and not everybodys:
        raise Problem(403, f"Other customers' deliveries need the permission {_MANAGE}.")
    user_id = query.user if everybodys else caller.user_id
    with call.context.transaction() as tx:
        items, following = shipments.page(tx, user_id=user_id, state=query.state, limit=query.limit, after=query.after)
    return Deliveries(items, following)


def _show(call: Call) -> Delivery:
    return _visible(call, "delivery_id", call.path["delivery_id"])


def _by_order(call: Call) -> Delivery:
    return _visible(call, "order_id", call.path["order_id"])


def _visible(call: Call, column: str, value: str) -> Delivery:
    """The caller's own, or anybody's for staff; 404 for others', as if it were not there."""
    caller = call.caller
    with call.context.transaction() as tx:
        row = shipments.find(tx, column, value) if _IDENTIFIER.fullmatch(value) else None
        if row is None or (row["user_id"] != caller.user_id and not caller.may(_MANAGE)):
            raise not_found("This delivery")
        return shipments.view(tx, row)


def _track(call: Call) -> Tracking:
    code = call.path["tracking_code"].strip().upper()
    with call.context.transaction() as tx:
        row = shipments.find(tx, "tracking_code", code) if _TRACKING_CODE.fullmatch(code) else None
        if row is None:
            raise not_found("A parcel with this tracking code")
        return shipments.tracking(tx, row)


def _move(call: Call) -> Reply:
    wanted = call.body
    delivery_id = call.path["delivery_id"]
    with call.context.transaction() as tx:
        row = shipments.lock(tx, delivery_id) if _IDENTIFIER.fullmatch(delivery_id) else None
        if row is None:
            raise not_found("This delivery")
        try:
            state = move(row["state"], wanted.state)
        except IllegalMove as illegal:
            raise Problem(409, str(illegal), state=row["state"]) from illegal
        shipments.set_state(tx, row["number"], state)
        shipments.record(
            tx, row["number"], state, actor=call.caller.user_id, location=wanted.location, note=wanted.note
        )
        if state != row["state"]:
            _emit_moved(tx, row, state)
        return tx.answer(shipments.view(tx, shipments.lock(tx, delivery_id) or row), 201)


def _on_order_placed(event: Event, tx: Transaction) -> None:
    placed: OrderPlaced = event.payload
    carrier = carrier_for(placed.address.country)
    if carrier is None:
        reason = f"No carrier serves {placed.address.country}."
        if shipments.refuse(tx, placed, reason) is None:
            _say_cancelled_before(tx, placed.order_id)
            return
        tx.emit("delivery.refused", DeliveryRefused(placed.order_id, reason))
        event.context.log("info", "delivery refused", order_id=placed.order_id, country=placed.address.country)
        return
    made = shipments.create(tx, placed, carrier)
    if made is None:
        _say_cancelled_before(tx, placed.order_id)
        return
    tx.emit("delivery.created", DeliveryCreated(placed.order_id, made["delivery_id"], made["tracking_code"]))


def _say_cancelled_before(tx: Transaction, order_id: str) -> None:
    """The order was cancelled before it was heard of: whoever waits for its delivery learns that there is none."""
    row = shipments.lock_order(tx, order_id)
    if row is not None and row["state"] == "cancelled":
        tx.emit("delivery.refused", DeliveryRefused(order_id, "The order had been cancelled."))


def _on_order_cancelled(event: Event, tx: Transaction) -> None:
    cancelled: OrderCancelled = event.payload
    if shipments.forbid(tx, cancelled.order_id, cancelled.user_id, cancelled.reason):
        event.context.log("info", "order cancelled before it was placed here", order_id=cancelled.order_id)
        return
    row = shipments.lock_order(tx, cancelled.order_id)
    if row is None or row["state"] in {"cancelled", "refused"}:
        return
    if can_cancel(row["state"]):
        shipments.cancel(tx, row["number"], cancelled.reason)
        _emit_moved(tx, row, "cancelled")
    else:
        shipments.recall(tx, row["number"], cancelled.reason)
        event.context.log("warning", "order cancelled after shipping: parcel recalled", order_id=cancelled.order_id)


def _emit_moved(tx: Transaction, row: Row, state: str) -> None:
    tx.emit("delivery.moved", DeliveryMoved(row["order_id"], row["delivery_id"], state))


SERVICE: Final = Service(
    key="deliveries",
    routes=ROUTES,
    handlers={
        "deliveries.list": _list,
        "deliveries.show": _show,
        "deliveries.by-order": _by_order,
        "deliveries.track": _track,
        "deliveries.move": _move,
    },
    events={"order.placed": _on_order_placed, "order.cancelled": _on_order_cancelled},
    migrations="sim.services.deliveries.migrations",
)
