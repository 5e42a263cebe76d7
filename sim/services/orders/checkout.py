"""The checkout: ask what is to be bought and where it goes, hold the stock, then commit the order once.

The order's id follows from the call's, so that a repeated call holds the same reservation and places the same order.
Stock held for an order that is surely not placed is given back at once where that works, and by its expiry where not:
nothing depends on it, for an order whose reservation is gone takes free stock or is cancelled.
"""

from __future__ import annotations

import uuid
from typing import Final

from sim.services.chassis.outcomes import Contention
from sim.services.chassis.service import Call, Context, Reply
from sim.services.contract.access import Identity
from sim.services.contract.events import Line, PostalAddress
from sim.services.contract.problem import Problem
from sim.services.contract.shop import (
    RELEASE_STOCK,
    RESERVE_STOCK,
    SHOW_ADDRESS,
    SHOW_BASKET,
    Address,
    Basket,
    Reservation,
    ReserveStock,
)
from sim.services.orders import ledger, views
from sim.services.orders.api import Checkout
from sim.services.orders.ledger import NewOrder

_NAMESPACE: Final = uuid.UUID("0c2d4a52-7f0e-4b57-9e67-0a3f6f2b7d10")
_RELEASE_TIMEOUT_S: Final = 1.0


def order_id_of(message_id: str) -> str:
    """The id of the order a checkout call makes, however often it is made."""
    return str(uuid.uuid5(_NAMESPACE, message_id))


def checkout(call: Call) -> Reply:
    """Others are asked inside the transaction: its claim on the call keeps a second delivery of it waiting."""
    wanted: Checkout = call.body
    buyer, context = call.caller, call.context
    order_id = order_id_of(call.message_id)
    reserving = committing = False
    try:
        with context.transaction() as tx:
            basket = _basket(context, buyer)
            address = _address(context, buyer, wanted.address_id)
            reserving = True
            reservation = _reserve(context, order_id, basket)
            order = NewOrder(order_id, buyer, basket, reservation.lines, address, reservation.currency)
            _check_price(order, wanted.expected_total_cents)
            reply = tx.answer(views.read(tx, ledger.place(tx, order)), 201)
            committing = True
    except Contention:
        raise  # Rolled back, and tried again at once with the same reservation.
    except Exception as error:
        short = isinstance(error, Problem) and "shortages" in error.extra
        if committing:
            context.log("warning", "order may be committed; its reservation stays", order_id=order_id)
        elif reserving and not short:
            _release(context, order_id)
        raise
    return reply


def _basket(context: Context, buyer: Identity) -> Basket:
    basket: Basket = context.ask(SHOW_BASKET, as_=buyer)
    if not basket.lines:
        raise Problem(409, "The basket is empty.")
    return basket


def _reserve(context: Context, order_id: str, basket: Basket) -> Reservation:
    wanted = ReserveStock(order_id, tuple(Line(line.sku, line.quantity) for line in basket.lines))
    # Each attempt is a question of its own: an answer remembered from before a release would not be true any more.
    reservation: Reservation = context.ask(RESERVE_STOCK, body=wanted, message_id=str(uuid.uuid4()))
    return reservation


def _check_price(order: NewOrder, expected_total_cents: int | None) -> None:
    if expected_total_cents not in {None, order.total_cents}:
        raise Problem(
            409,
            "The price has changed since the basket was shown.",
            expected_total_cents=expected_total_cents,
            total_cents=order.total_cents,
        )


def _release(context: Context, order_id: str) -> None:
    try:
        context.ask(
            RELEASE_STOCK,
            path={"reservation_id": order_id},
            message_id=str(uuid.uuid4()),
            timeout_s=_RELEASE_TIMEOUT_S,
        )
    except Problem as problem:
        context.log("info", "reservation left to expire", order_id=order_id, because=problem.detail)


def _address(context: Context, buyer: Identity, address_id: str) -> PostalAddress:
    try:
        address: Address = context.ask(SHOW_ADDRESS, path={"address_id": address_id}, as_=buyer)
    except Problem as problem:
        if problem.status != 404:
            raise
        errors = [{"field": "address_id", "detail": "is not one of the caller's addresses"}]
        raise Problem(422, "There is no such address in the caller's book.", errors=errors) from problem
    return address.address
