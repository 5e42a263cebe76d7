"""Orders in MySQL: written once, then changed through the saga alone, each change under the order's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sim.services.chassis.service import Row, Transaction
from sim.services.contract.access import Identity
from sim.services.contract.events import (
    DeliveryCreated,
    DeliveryMoved,
    NotificationRequested,
    OrderCancelled,
    OrderPlaced,
    PostalAddress,
    PricedLine,
)
from sim.services.contract.problem import Problem
from sim.services.contract.shop import Basket
from sim.services.orders import saga
from sim.services.orders.saga import Emission, Happening, Outcome, Saga, advance

_LONGEST_DETAIL: Final = 500
_EVENT: Final = "order_events (order_number, name, state_before, state_after, actor, detail)"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a checkout found out before it writes anything."""

    order_id: str
    buyer: Identity
    basket: Basket
    lines: tuple[PricedLine, ...]
    address: PostalAddress
    currency: str

    @property
    def total_cents(self) -> int:
        return sum(line.quantity * line.unit_price_cents for line in self.lines)


def place(tx: Transaction, order: NewOrder) -> Row:
    """Write the order, its lines, address and first steps, and the event that sets everybody else to work; its row.

    Raises Problem 409 when the basket was ordered as it is already.
    """
    inserted = tx.execute(
        "INSERT INTO orders (order_id, user_id, email, basket_id, basket_version, total_cents, currency)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE number = number",
        order.order_id,
        order.buyer.user_id,
        order.buyer.email,
        order.basket.basket_id,
        order.basket.version,
        order.total_cents,
        order.currency,
    )
    if inserted != 1:
        raise Problem(409, "This basket has been ordered already and is about to be emptied.")
    row = lock(tx, order.order_id)
    if row is None:
        raise LookupError(f"order {order.order_id} vanished in its own transaction")
    number = row["number"]
    _insert(
        tx,
        "order_lines (order_number, position, sku, name, quantity, unit_price_cents)",
        [
            (number, position, line.sku, line.name, line.quantity, line.unit_price_cents)
            for position, line in enumerate(order.lines)
        ],
    )
    to = order.address
    _insert(
        tx,
        "order_addresses (order_number, recipient, line1, line2, postal_code, city, country)",
        [(number, to.recipient, to.line1, to.line2, to.postal_code, to.city, to.country)],
    )
    _insert(
        tx,
        "order_steps (order_number, step, status)",
        [(number, step, status) for step, status in Saga().steps.items()],
    )
    _insert(tx, _EVENT, [(number, "order.placed", None, "placed", order.buyer.user_id, "")])
    tx.emit(
        "order.placed",
        OrderPlaced(
            order_id=order.order_id,
            user_id=order.buyer.user_id,
            email=order.buyer.email,
            basket_id=order.basket.basket_id,
            basket_version=order.basket.version,
            lines=order.lines,
            address=order.address,
            total_cents=order.total_cents,
            currency=order.currency,
        ),
    )
    return row


def lock(tx: Transaction, order_id: str) -> Row | None:
    """The order's row, nobody else's to change until the end."""
    return tx.row("SELECT * FROM orders WHERE order_id = %s FOR UPDATE", order_id)


def happen(tx: Transaction, row: Row, name: str, happening: Happening, *, actor: str, detail: str = "") -> Outcome:
    """Take the (locked) order where the saga says, and say what it says. Raises IllegalTransition."""
    before = _saga(tx, row)
    outcome = advance(before, happening)
    after = outcome.saga
    if isinstance(happening, DeliveryCreated):
        tx.execute(
            "UPDATE orders SET delivery_id = %s, tracking_code = %s WHERE number = %s",
            happening.delivery_id,
            happening.tracking_code,
            row["number"],
        )
    elif isinstance(happening, DeliveryMoved) and row["delivery_id"] is None:
        tx.execute("UPDATE orders SET delivery_id = %s WHERE number = %s", happening.delivery_id, row["number"])
    tx.execute(
        "UPDATE orders SET state = %s, shipment = %s, cancel_reason = %s, settled = %s, version = version + 1,"
        " updated_at = UTC_TIMESTAMP(6) WHERE number = %s",
        after.state,
        after.shipment,
        after.reason if after.reason is None else after.reason[:_LONGEST_DETAIL],
        after.is_settled,
        row["number"],
    )
    for step, status in after.steps.items():
        if before.steps.get(step) != status:
            tx.execute(
                "INSERT INTO order_steps (order_number, step, status) VALUES (%s, %s, %s)"
                " ON DUPLICATE KEY UPDATE status = VALUES(status), changed_at = UTC_TIMESTAMP(6)",
                row["number"],
                step,
                status,
            )
    _insert(tx, _EVENT, [(row["number"], name, before.state, after.state, actor, detail[:_LONGEST_DETAIL])])
    for emission in outcome.emits:
        _emit(tx, row, emission, after)
    return outcome


def _emit(tx: Transaction, row: Row, emission: Emission, after: Saga) -> None:
    reason = after.reason or ""
    if emission == "order.cancelled":
        tx.emit("order.cancelled", OrderCancelled(row["order_id"], row["user_id"], reason))
        return
    template = saga.CONFIRMATION_TEMPLATE if emission == "confirmation" else saga.CANCELLATION_TEMPLATE
    variables = {
        "order_number": str(row["number"]),
        "total": f"{row['total_cents'] // 100}.{row['total_cents'] % 100:02d} {row['currency']}",
        "reason": reason,
    }
    tx.emit("notification.order", NotificationRequested(row["email"], template, row["order_id"], variables))


def _saga(tx: Transaction, row: Row) -> Saga:
    steps = tx.rows("SELECT step, status FROM order_steps WHERE order_number = %s", row["number"])
    return Saga(
        state=row["state"],
        steps={step["step"]: step["status"] for step in steps},
        shipment=row["shipment"],
        reason=row["cancel_reason"],
    )


def _insert(tx: Transaction, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """All rows in one statement. ``into`` is the code's own words, never a caller's."""
    marks = f"({', '.join(['%s'] * len(rows[0]))})"
    tx.execute(
        f"INSERT INTO {into} VALUES {', '.join([marks] * len(rows))}",  # noqa: S608 - see the docstring
        *(value for row in rows for value in row),
    )
