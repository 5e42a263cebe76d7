"""Every change of stock, row by row in the order of SKUs, so that no two can wait for each other.

Each is one conditional UPDATE: the row is locked, looked at and changed at once, and the table's constraints stand
behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sim.services.chassis.service import Context, Transaction
from sim.services.contract.events import Line, PricedLine
from sim.services.products import freshness

MOST_ON_HAND: Final = 1_000_000_000
_AVAILABLE: Final = "SELECT on_hand - reserved AS available FROM stock WHERE sku = %s"
_AVAILABLE_LOCKED: Final = f"{_AVAILABLE} FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Shortage:
    """``reason`` is ``unknown``, ``off-sale`` or ``short``."""

    sku: str
    requested: int
    available: int
    reason: str = "short"

    def document(self) -> dict[str, Any]:
        return {"sku": self.sku, "requested": self.requested, "available": self.available, "reason": self.reason}


def totals(lines: Iterable[Line | PricedLine]) -> dict[str, int]:
    """SKU → quantity, in the order rows are locked in; a product on two lines counts once."""
    found: dict[str, int] = {}
    for line in lines:
        found[line.sku] = found.get(line.sku, 0) + line.quantity
    return dict(sorted(found.items()))


def hold(tx: Transaction, wanted: Mapping[str, int]) -> tuple[Shortage, ...]:
    """Reserve. With a shortage the caller rolls back."""
    held = "UPDATE stock SET reserved = reserved + %s WHERE sku = %s AND on_hand - reserved >= %s"
    missing = [sku for sku, quantity in sorted(wanted.items()) if not tx.execute(held, quantity, sku, quantity)]
    return tuple(Shortage(sku, wanted[sku], available(tx, sku)) for sku in missing)


def give_back(tx: Transaction, held: Mapping[str, int]) -> None:
    """What was reserved can be bought again."""
    for sku, quantity in sorted(held.items()):
        tx.execute("UPDATE stock SET reserved = reserved - %s WHERE sku = %s", quantity, sku)


def sell_held(tx: Transaction, held: Mapping[str, int], order_id: str) -> None:
    """What was reserved leaves the shelf."""
    for sku, quantity in sorted(held.items()):
        tx.execute(
            "UPDATE stock SET on_hand = on_hand - %s, reserved = reserved - %s WHERE sku = %s", quantity, quantity, sku
        )
        move(tx, sku, -quantity, kind="sold", reason="order placed", reference=order_id)


def sell_free(tx: Transaction, wanted: Mapping[str, int], order_id: str) -> tuple[Shortage, ...]:
    """What nobody reserved leaves the shelf: all of it, or none where there is a shortage."""
    free = {sku: available(tx, sku, lock=True) for sku in sorted(wanted)}
    shortages = tuple(Shortage(sku, quantity, free[sku]) for sku, quantity in wanted.items() if free[sku] < quantity)
    if not shortages:
        for sku, quantity in sorted(wanted.items()):
            tx.execute("UPDATE stock SET on_hand = on_hand - %s WHERE sku = %s", quantity, sku)
            move(tx, sku, -quantity, kind="sold", reason="order placed, reservation lapsed", reference=order_id)
    return shortages


def restock(tx: Transaction, sold: Mapping[str, int], order_id: str, reason: str) -> None:
    """What was sold is back on the shelf."""
    for sku, quantity in sorted(sold.items()):
        tx.execute("UPDATE stock SET on_hand = on_hand + %s WHERE sku = %s", quantity, sku)
        move(tx, sku, quantity, kind="returned", reason=reason, reference=order_id)


def adjust(tx: Transaction, sku: str, change: int, reason: str, user_id: str) -> bool:
    """Receive or lose goods. False when that would leave less than is reserved, or more than can be counted."""
    changed = tx.execute(
        "UPDATE stock SET on_hand = on_hand + %s WHERE sku = %s AND on_hand + %s BETWEEN reserved AND %s",
        change,
        sku,
        change,
        MOST_ON_HAND,
    )
    if changed:
        move(tx, sku, change, kind="adjusted", reason=reason, reference=user_id)
    return bool(changed)


def move(tx: Transaction, sku: str, quantity: int, *, kind: str, reason: str, reference: str) -> None:
    """Write a movement down; together they make up what is on hand."""
    tx.execute(
        "INSERT INTO stock_movements (sku, quantity, kind, reason, reference, moved_at)"
        " VALUES (%s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
        sku,
        quantity,
        kind,
        reason[:200],
        reference[:64],
    )


def available(tx: Transaction, sku: str, *, lock: bool = False) -> int:
    """What can be reserved; with ``lock`` it stays so until the end."""
    row = tx.row(_AVAILABLE_LOCKED if lock else _AVAILABLE, sku)
    return int(row["available"]) if row else 0


def outdate(tx: Transaction, context: Context, changes: Mapping[str, int]) -> None:
    """Tell the cache what became of the available stock (SKU → change): lists show only whether there is any."""
    after = {sku: available(tx, sku) for sku in changes}
    crossed = any((after[sku] > 0) is not (after[sku] - change > 0) for sku, change in changes.items())
    freshness.outdate(context.cache, changes, lists=crossed)
