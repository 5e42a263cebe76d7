"""What happens to baskets because of what other services say."""

from __future__ import annotations

from sim.services.baskets import contents
from sim.services.chassis.service import Event, Transaction
from sim.services.contract.events import BasketCleared, OrderPlaced, ProductChanged


def on_order_placed(event: Event, tx: Transaction) -> None:
    """Take out what was bought: everything if the basket is still the one ordered, else exactly those quantities."""
    order: OrderPlaced = event.payload
    version = contents.lock_existing(tx, order.basket_id)
    if version is not None:
        if version == order.basket_version:
            changed = contents.remove(tx, order.basket_id, contents.quantities(tx, order.basket_id))
        else:
            bought: dict[str, int] = {}
            for line in order.lines:
                bought[line.sku] = bought.get(line.sku, 0) + line.quantity
            changed = contents.subtract(tx, order.basket_id, bought)
        if changed:
            contents.count_change(tx, (order.basket_id,))
    tx.emit("basket.cleared", BasketCleared(order.order_id, order.basket_id))


def on_product_changed(event: Event, tx: Transaction) -> None:
    """Price and name as they are now; out of every basket when it is not sold any more.

    News may arrive out of order: a line that knows a newer version of the product stays as it is. The baskets are
    locked one by one in the order of their ids, as everybody does who locks more than one.
    """
    product: ProductChanged = event.payload
    concerned = tx.rows("SELECT basket_id FROM basket_lines WHERE sku = %s ORDER BY basket_id", product.sku)
    changed = [row["basket_id"] for row in concerned if _heard(tx, row["basket_id"], product)]
    contents.count_change(tx, changed)


def _heard(tx: Transaction, basket_id: str, product: ProductChanged) -> bool:
    contents.lock_existing(tx, basket_id)
    if product.on_sale:
        return bool(
            tx.execute(
                "UPDATE basket_lines SET name = %s, unit_price_cents = %s, product_version = %s"
                " WHERE basket_id = %s AND sku = %s AND product_version < %s",
                product.name,
                product.unit_price_cents,
                product.version,
                basket_id,
                product.sku,
                product.version,
            )
        )
    return bool(
        tx.execute(
            "DELETE FROM basket_lines WHERE basket_id = %s AND sku = %s AND product_version < %s",
            basket_id,
            product.sku,
            product.version,
        )
    )
