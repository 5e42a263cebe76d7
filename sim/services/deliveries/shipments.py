"""Shipments in MySQL: one row an order, locked by whoever changes it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sim.services.chassis.service import Row, Transaction
from sim.services.contract.events import Line, OrderPlaced, PostalAddress, PricedLine
from sim.services.deliveries.api import Delivery, DeliverySummary, Movement, Tracking
from sim.services.deliveries.carriers import Carrier, tracking_code

_NAMESPACE: Final = uuid.UUID("5d4b3f0e-52f6-4f0f-9d0b-6b0a7a5c1e11")
_LONGEST_REASON: Final = 500


def delivery_id_of(order_id: str) -> str:
    """An order's delivery is known by the order alone, so that nothing can make two."""
    return str(uuid.uuid5(_NAMESPACE, order_id))


def create(tx: Transaction, placed: OrderPlaced, carrier: Carrier) -> Row | None:
    """The new shipment, or None when the order has a row already."""
    delivery_id = delivery_id_of(placed.order_id)
    made = _insert(tx, placed, "created", carrier=carrier.name, tracking=tracking_code(carrier, delivery_id))
    if made is not None:
        _add_lines(tx, made["number"], placed.lines)
        record(tx, made["number"], "created", actor="deliveries-service")
    return made


def refuse(tx: Transaction, placed: OrderPlaced, reason: str) -> Row | None:
    """An order no carrier can serve, remembered as such; None when it has a row already."""
    return _insert(tx, placed, "refused", reason=reason)


def forbid(tx: Transaction, order_id: str, user_id: str, reason: str) -> bool:
    """A cancelled order shall have no shipment, also should it be placed later; False when it has one already."""
    # The no-op update on a duplicate waits for whoever is inserting the same order at this moment.
    return (
        tx.execute(
            "INSERT INTO deliveries (delivery_id, order_id, user_id, state, reason)"
            " VALUES (%s, %s, %s, 'cancelled', %s) ON DUPLICATE KEY UPDATE order_id = VALUES(order_id)",
            delivery_id_of(order_id),
            order_id,
            user_id,
            reason[:_LONGEST_REASON],
        )
        == 1
    )


def lock_order(tx: Transaction, order_id: str) -> Row | None:
    return tx.row("SELECT * FROM deliveries WHERE order_id = %s FOR UPDATE", order_id)


def lock(tx: Transaction, delivery_id: str) -> Row | None:
    return tx.row("SELECT * FROM deliveries WHERE delivery_id = %s FOR UPDATE", delivery_id)


def set_state(tx: Transaction, number: int, state: str) -> None:
    tx.execute("UPDATE deliveries SET state = %s, updated_at = UTC_TIMESTAMP(6) WHERE number = %s", state, number)


def cancel(tx: Transaction, number: int, reason: str) -> None:
    tx.execute(
        "UPDATE deliveries SET state = 'cancelled', reason = %s, updated_at = UTC_TIMESTAMP(6) WHERE number = %s",
        reason[:_LONGEST_REASON],
        number,
    )
    record(tx, number, "cancelled", actor="orders-service", note=reason)


def recall(tx: Transaction, number: int, reason: str) -> None:
    """The parcel is out: it can only be asked back."""
    tx.execute(
        "UPDATE deliveries SET recall_reason = %s, updated_at = UTC_TIMESTAMP(6) WHERE number = %s",
        reason[:_LONGEST_REASON],
        number,
    )


def record(tx: Transaction, number: int, state: str, *, actor: str, location: str = "", note: str = "") -> None:
    tx.execute(
        "INSERT INTO delivery_events (delivery_number, state, location, note, actor) VALUES (%s, %s, %s, %s, %s)",
        number,
        state,
        location,
        note[:_LONGEST_REASON],
        actor,
    )


def find(tx: Transaction, column: str, value: str) -> Row | None:
    """By ``delivery_id``, ``order_id`` or ``tracking_code``: the code's own words, never a caller's."""
    return tx.row(f"SELECT * FROM deliveries WHERE {column} = %s", value)  # noqa: S608 - see the docstring


def page(
    tx: Transaction, *, user_id: str | None, state: str | None, limit: int, after: str | None
) -> tuple[tuple[DeliverySummary, ...], str | None]:
    """Newest first, and where the next page begins."""
    wanted = (("user_id = %s", user_id), ("state = %s", state), ("number < %s", None if after is None else int(after)))
    bounds = [(clause, value) for clause, value in wanted if value is not None]
    where = " AND ".join(clause for clause, _ in bounds) or "TRUE"
    rows = tx.rows(
        f"SELECT * FROM deliveries WHERE {where} ORDER BY number DESC LIMIT %s",  # noqa: S608 - clauses are those above
        *(value for _, value in bounds),
        limit + 1,
    )
    following = str(rows[limit - 1]["number"]) if len(rows) > limit else None
    return tuple(map(_summary, rows[:limit])), following


def view(tx: Transaction, row: Row) -> Delivery:
    lines = tx.rows(
        "SELECT sku, quantity FROM delivery_lines WHERE delivery_number = %s ORDER BY position", row["number"]
    )
    destination = None
    if row["country"] is not None:
        destination = PostalAddress(
            recipient=row["recipient"],
            line1=row["line1"],
            line2=row["line2"],
            postal_code=row["postal_code"],
            city=row["city"],
            country=row["country"],
        )
    return Delivery(
        delivery_id=row["delivery_id"],
        order_id=row["order_id"],
        user_id=row["user_id"],
        state=row["state"],
        carrier=row["carrier"],
        tracking_code=row["tracking_code"],
        destination=destination,
        lines=tuple(Line(line["sku"], line["quantity"]) for line in lines),
        movements=_movements(tx, row["number"], with_notes=True),
        created_at=_iso(row["created_at"]),
        updated_at=_iso(row["updated_at"]),
        reason=row["reason"],
        recalled=row["recall_reason"],
    )


def tracking(tx: Transaction, row: Row) -> Tracking:
    return Tracking(
        tracking_code=row["tracking_code"],
        carrier=row["carrier"],
        state=row["state"],
        country=row["country"],
        movements=_movements(tx, row["number"], with_notes=False),
    )


def _insert(
    tx: Transaction,
    placed: OrderPlaced,
    state: str,
    *,
    carrier: str | None = None,
    tracking: str | None = None,
    reason: str | None = None,
) -> Row | None:
    to = placed.address
    inserted = tx.execute(
        "INSERT INTO deliveries (delivery_id, order_id, user_id, state, carrier, tracking_code, reason,"
        " recipient, line1, line2, postal_code, city, country)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE order_id = VALUES(order_id)",
        *(delivery_id_of(placed.order_id), placed.order_id, placed.user_id, state, carrier, tracking, reason),
        *(to.recipient, to.line1, to.line2, to.postal_code, to.city, to.country),
    )
    return lock_order(tx, placed.order_id) if inserted == 1 else None


def _add_lines(tx: Transaction, number: int, lines: Sequence[PricedLine]) -> None:
    rows = [(number, position, line.sku, line.quantity) for position, line in enumerate(lines)]
    marks = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    tx.execute(
        f"INSERT INTO delivery_lines (delivery_number, position, sku, quantity) VALUES {marks}",  # noqa: S608 - marks alone
        *(value for row in rows for value in row),
    )


def _movements(tx: Transaction, number: int, *, with_notes: bool) -> tuple[Movement, ...]:
    rows = tx.rows(
        "SELECT state, location, note, at FROM delivery_events WHERE delivery_number = %s ORDER BY number", number
    )
    return tuple(
        Movement(row["state"], row["location"], _iso(row["at"]), row["note"] if with_notes else "") for row in rows
    )


def _summary(row: Row) -> DeliverySummary:
    return DeliverySummary(
        delivery_id=row["delivery_id"],
        order_id=row["order_id"],
        user_id=row["user_id"],
        state=row["state"],
        carrier=row["carrier"],
        tracking_code=row["tracking_code"],
        country=row["country"],
        created_at=_iso(row["created_at"]),
        updated_at=_iso(row["updated_at"]),
    )


def _iso(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='microseconds')}Z"
