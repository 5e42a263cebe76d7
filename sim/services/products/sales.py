"""What becomes of held stock: an order placed sells it, an order cancelled gives it back, whichever is heard first."""

from __future__ import annotations

from sim.services.chassis.service import Event, Transaction
from sim.services.contract.events import OrderCancelled, OrderPlaced, PricedLine, StockCommitted, StockRefused
from sim.services.products import shelf
from sim.services.products.reservations import become, lock, read_lines, write_lines


def on_order_placed(event: Event, tx: Transaction) -> None:
    """Sell what is held. A reservation that lapsed is tried for again; the order falls when its goods are gone."""
    order: OrderPlaced = event.payload
    match lock(tx, order.order_id)["state"]:
        case "held":
            shelf.sell_held(tx, shelf.totals(read_lines(tx, order.order_id)), order.order_id)
            become(tx, order.order_id, "sold")
            tx.emit("stock.committed", StockCommitted(order.order_id))
        case "new" | "released" | "expired":
            _sell_late(event, tx, order)
        case _:  # sold already, or the order is over
            pass


def on_order_cancelled(event: Event, tx: Transaction) -> None:
    """Back on the shelf, whatever the order has; an order not heard of yet is remembered as cancelled."""
    order: OrderCancelled = event.payload
    state = lock(tx, order.order_id)["state"]
    if state in {"held", "sold"}:
        quantities = shelf.totals(read_lines(tx, order.order_id))
        if state == "held":
            shelf.give_back(tx, quantities)
        else:
            shelf.restock(tx, quantities, order.order_id, f"order cancelled: {order.reason}")
        shelf.outdate(tx, event.context, quantities)
    become(tx, order.order_id, "cancelled")


def _sell_late(event: Event, tx: Transaction, order: OrderPlaced) -> None:
    quantities = shelf.totals(order.lines)
    unknown = [sku for sku in quantities if not tx.row("SELECT sku FROM products WHERE sku = %s", sku)]
    if unknown:
        _refuse(tx, order.order_id, f"no such product: {', '.join(unknown)}")
        return
    priced = {line.sku: line for line in order.lines}
    write_lines(
        tx,
        order.order_id,
        [
            PricedLine(sku, priced[sku].name, quantity, priced[sku].unit_price_cents)
            for sku, quantity in quantities.items()
        ],
    )
    shortages = shelf.sell_free(tx, quantities, order.order_id)
    if shortages:
        _refuse(tx, order.order_id, f"sold out meanwhile: {', '.join(shortage.sku for shortage in shortages)}")
        return
    become(tx, order.order_id, "sold")
    shelf.outdate(tx, event.context, {sku: -quantity for sku, quantity in quantities.items()})
    tx.emit("stock.committed", StockCommitted(order.order_id))


def _refuse(tx: Transaction, order_id: str, reason: str) -> None:
    become(tx, order_id, "refused")
    tx.emit("stock.refused", StockRefused(order_id, reason))
