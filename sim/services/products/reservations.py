"""Stock held for an order: all of it or nothing, once, for a while.

A reservation is ``held``, then ``sold`` by its order, or ``released`` by the caller, or ``expired`` by time.
``refused`` and ``cancelled`` are orders that will never take stock, known before or after the reservation itself. Locks
are taken in one order everywhere: the reservation, its lines, then the shelf by SKU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sim.services.chassis.service import Call, Context, Reply, Row, Transaction
from sim.services.contract.events import PricedLine
from sim.services.contract.problem import Problem
from sim.services.contract.shop import Reservation, ReserveStock
from sim.services.products import shelf
from sim.services.products.api import is_sku
from sim.services.products.shelf import Shortage

_EXPIRED_AT_ONCE: Final = 200


def reserve(call: Call) -> Reply:
    wanted: ReserveStock = call.body
    _refuse_nonsense(wanted)
    quantities = shelf.totals(wanted.lines)
    with call.context.transaction() as tx:
        goods = _goods(tx, quantities)
        # Most of a rush for the last items is turned away here, without a lock.
        if not tx.row("SELECT state FROM reservations WHERE reservation_id = %s", wanted.reservation_id):
            _refuse_shortages(_seen_shortages(goods, quantities))
        match lock(tx, wanted.reservation_id)["state"]:
            case "held" | "sold" as state:
                reservation = _again(tx, wanted, quantities, prolong=state == "held")
            case "refused" | "cancelled" as state:
                raise Problem(409, f"The order of this reservation is {state}.")
            case _:
                reservation = _hold(tx, wanted, quantities, goods)
                shelf.outdate(tx, call.context, {sku: -quantity for sku, quantity in quantities.items()})
        return tx.answer(reservation, 201)


def release(call: Call) -> Reply:
    reservation_id = call.path["reservation_id"]
    with call.context.transaction() as tx:
        row = tx.row("SELECT state FROM reservations WHERE reservation_id = %s FOR UPDATE", reservation_id)
        if row and row["state"] == "held":
            _let_go(tx, call.context, reservation_id, "released")
        return tx.answer(None, 204)


def expire(context: Context) -> None:
    """Give back what nobody bought in time. Each in its own transaction, so that two replicas share the work."""
    with context.transaction() as tx:
        lapsed = tx.rows(
            "SELECT reservation_id FROM reservations WHERE state = 'held' AND expires_at <= UTC_TIMESTAMP(6)"
            " ORDER BY expires_at LIMIT %s",
            _EXPIRED_AT_ONCE,
        )
    for row in lapsed:
        with context.transaction() as tx:
            still = tx.row(
                "SELECT reservation_id FROM reservations WHERE reservation_id = %s AND state = 'held'"
                " AND expires_at <= UTC_TIMESTAMP(6) FOR UPDATE SKIP LOCKED",
                row["reservation_id"],
            )
            if still:
                _let_go(tx, context, row["reservation_id"], "expired")


def lock(tx: Transaction, reservation_id: str) -> Row:
    """The reservation's row, made (state ``new``) if need be; nobody else's to change until the end."""
    tx.execute(
        "INSERT INTO reservations (reservation_id, state, expires_at, updated_at)"
        " VALUES (%s, 'new', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
        " ON DUPLICATE KEY UPDATE updated_at = UTC_TIMESTAMP(6)",
        reservation_id,
    )
    return _row(tx, reservation_id)


def become(tx: Transaction, reservation_id: str, state: str) -> None:
    tx.execute(
        "UPDATE reservations SET state = %s, updated_at = UTC_TIMESTAMP(6) WHERE reservation_id = %s",
        state,
        reservation_id,
    )


def write_lines(tx: Transaction, reservation_id: str, lines: Sequence[PricedLine]) -> None:
    """In place of those there were."""
    tx.execute("DELETE FROM reservation_lines WHERE reservation_id = %s", reservation_id)
    for line in lines:
        tx.execute(
            "INSERT INTO reservation_lines (reservation_id, sku, quantity, name, unit_price_cents)"
            " VALUES (%s, %s, %s, %s, %s)",
            reservation_id,
            line.sku,
            line.quantity,
            line.name,
            line.unit_price_cents,
        )


def read_lines(tx: Transaction, reservation_id: str) -> tuple[PricedLine, ...]:
    """As they stand now, not as they stood when the transaction first looked."""
    rows = tx.rows(
        "SELECT sku, name, quantity, unit_price_cents FROM reservation_lines WHERE reservation_id = %s"
        " ORDER BY sku FOR UPDATE",
        reservation_id,
    )
    return tuple(PricedLine(row["sku"], row["name"], row["quantity"], row["unit_price_cents"]) for row in rows)


def _let_go(tx: Transaction, context: Context, reservation_id: str, state: str) -> None:
    held = shelf.totals(read_lines(tx, reservation_id))
    shelf.give_back(tx, held)
    become(tx, reservation_id, state)
    shelf.outdate(tx, context, held)


def _again(tx: Transaction, wanted: ReserveStock, quantities: Mapping[str, int], *, prolong: bool) -> Reservation:
    """The same answer to the same question; what has lapsed, but is still held, is held for as long again."""
    lines = read_lines(tx, wanted.reservation_id)
    if shelf.totals(lines) != quantities:
        raise Problem(409, "This reservation holds something else.")
    if prolong:
        tx.execute(
            "UPDATE reservations SET expires_at = UTC_TIMESTAMP(6) + INTERVAL %s SECOND"
            " WHERE reservation_id = %s AND expires_at <= UTC_TIMESTAMP(6)",
            wanted.keep_s,
            wanted.reservation_id,
        )
    return Reservation(wanted.reservation_id, lines, "EUR", _expiry(tx, wanted.reservation_id))


def _hold(
    tx: Transaction, wanted: ReserveStock, quantities: Mapping[str, int], goods: Mapping[str, Row]
) -> Reservation:
    """Lines before the shelf, whose rows others wait for."""
    _refuse_shortages(_seen_shortages(goods, quantities, counted=False))
    tx.execute(
        "UPDATE reservations SET state = 'held', updated_at = UTC_TIMESTAMP(6),"
        " expires_at = UTC_TIMESTAMP(6) + INTERVAL %s SECOND WHERE reservation_id = %s",
        wanted.keep_s,
        wanted.reservation_id,
    )
    lines = tuple(
        PricedLine(sku, goods[sku]["name"], quantity, goods[sku]["unit_price_cents"])
        for sku, quantity in quantities.items()
    )
    write_lines(tx, wanted.reservation_id, lines)
    _refuse_shortages(shelf.hold(tx, quantities))
    return Reservation(wanted.reservation_id, lines, "EUR", _expiry(tx, wanted.reservation_id))


def _expiry(tx: Transaction, reservation_id: str) -> str:
    expires_at: datetime = _row(tx, reservation_id)["expires_at"]
    return f"{expires_at.isoformat()}Z"


def _row(tx: Transaction, reservation_id: str) -> Row:
    row = tx.row("SELECT state, expires_at FROM reservations WHERE reservation_id = %s FOR UPDATE", reservation_id)
    if row is None:
        raise LookupError(f"reservation {reservation_id} vanished under its lock")
    return row


def _goods(tx: Transaction, quantities: Mapping[str, int]) -> dict[str, Row]:
    marks = ", ".join(["%s"] * len(quantities))
    rows = tx.rows(
        "SELECT p.sku, p.name, p.unit_price_cents, p.on_sale, s.on_hand - s.reserved AS available"  # noqa: S608 - marks only
        f" FROM products p JOIN stock s ON s.sku = p.sku WHERE p.sku IN ({marks})",
        *quantities,
    )
    return {row["sku"]: row for row in rows}


def _seen_shortages(
    goods: Mapping[str, Row], quantities: Mapping[str, int], *, counted: bool = True
) -> tuple[Shortage, ...]:
    found = []
    for sku, quantity in quantities.items():
        row = goods.get(sku)
        if row is None:
            found.append(Shortage(sku, quantity, 0, "unknown"))
        elif not row["on_sale"]:
            found.append(Shortage(sku, quantity, 0, "off-sale"))
        elif counted and row["available"] < quantity:
            found.append(Shortage(sku, quantity, row["available"]))
    return tuple(found)


def _refuse_shortages(shortages: Sequence[Shortage]) -> None:
    if shortages:
        raise Problem(
            409,
            "There is not enough of " + ", ".join(shortage.sku for shortage in shortages) + ".",
            shortages=[shortage.document() for shortage in shortages],
        )


def _refuse_nonsense(wanted: ReserveStock) -> None:
    """What the contract's types let pass, from whoever may speak to the queue."""
    for line in wanted.lines:
        if not is_sku(line.sku) or not 1 <= line.quantity <= 999:
            raise Problem(422, "A line names a SKU and 1 to 999 of it.")
