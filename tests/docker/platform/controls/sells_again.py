"""A naive consumer: what it hears it does, whether or not it did so before, and it acknowledges long afterwards."""

from __future__ import annotations

from typing import Any

from sim.services.chassis import events, inbox
from sim.services.chassis.database import Session
from sim.services.products import sales, shelf
from sim.services.products.reservations import become, lock, read_lines

_LATE_S = 0.7


def _claim_event(_session: Session, _message_id: str) -> None:
    """Nothing is remembered."""


def _on_order_placed(event: Any, tx: Any) -> None:
    order_id = event.payload.order_id
    lock(tx, order_id)
    for sku, quantity in sorted(shelf.totals(read_lines(tx, order_id)).items()):
        tx.execute(
            "UPDATE stock SET on_hand = on_hand - %s, reserved = reserved - LEAST(reserved, %s) WHERE sku = %s",
            quantity,
            quantity,
            sku,
        )
        shelf.move(tx, sku, -quantity, kind="sold", reason="order placed", reference=order_id)
    become(tx, order_id, "sold")
    tx.emit("stock.committed", sales.StockCommitted(order_id))


_finished = events.EventConsumer._finish


def _finish(consumer: Any, event: Any, delivery: Any, outcome: str) -> None:
    consumer._resources.loop.call_later(_LATE_S, _finished, consumer, event, delivery, outcome)


inbox.claim_event = _claim_event
sales.on_order_placed = _on_order_placed
events.EventConsumer._finish = _finish  # type: ignore[method-assign]
