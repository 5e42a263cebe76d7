"""A basket in the database: its one row is the lock of everything in it, and its version counts the changes.

A user's basket has an id derived from the user's, so that it can be named before it exists, and made by whoever comes
first without anybody waiting on an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from sim.services.chassis.service import Row, Transaction
from sim.services.contract.events import PricedLine
from sim.services.contract.shop import Basket, Product

_BASKETS: Final = UUID("5f0c4d2e-6c0d-5b0a-9a53-0d3c1f6f7b11")
_CONTENTS: Final = (
    "SELECT b.version, b.updated_at, l.sku, l.name, l.quantity, l.unit_price_cents"
    " FROM baskets b LEFT JOIN basket_lines l ON l.basket_id = b.basket_id WHERE b.basket_id = %s"
    " ORDER BY l.added_at, l.sku"
)
_CONTENTS_LOCKED: Final = f"{_CONTENTS} FOR UPDATE"


def basket_id_of(user_id: str) -> str:
    return str(uuid5(_BASKETS, user_id))


@dataclass(frozen=True, slots=True)
class State:
    """A basket and the moment of its latest change, which together with the version names these contents alone."""

    basket: Basket
    changed_at: datetime | None


def head(tx: Transaction, basket_id: str) -> Row | None:
    """Version and moment of the latest change; None when nothing was ever put in."""
    return tx.row("SELECT version, updated_at FROM baskets WHERE basket_id = %s", basket_id)


def read(tx: Transaction, basket_id: str, *, current: bool = False) -> State:
    """Basket and lines in one statement, so that they belong together whatever the isolation.

    ``current`` is for who holds the lock: as it stands now, not as it stood when the transaction first looked.
    """
    rows = tx.rows(_CONTENTS_LOCKED if current else _CONTENTS, basket_id)
    if not rows:
        return State(empty(basket_id), None)
    lines = tuple(
        PricedLine(row["sku"], row["name"], row["quantity"], row["unit_price_cents"])
        for row in rows
        if row["sku"] is not None
    )
    return State(priced(basket_id, rows[0]["version"], lines), rows[0]["updated_at"])


def empty(basket_id: str) -> Basket:
    return priced(basket_id, 0, ())


def priced(basket_id: str, version: int, lines: tuple[PricedLine, ...]) -> Basket:
    total_cents = sum(line.quantity * line.unit_price_cents for line in lines)
    return Basket(basket_id, version, lines, total_cents, "EUR")


def lock(tx: Transaction, user_id: str) -> str:
    """The user's basket, made if need be; nobody else's to change until the end. Its id."""
    basket_id = basket_id_of(user_id)
    tx.execute(
        "INSERT INTO baskets (basket_id, user_id, created_at, updated_at)"
        " VALUES (%s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE version = version",
        basket_id,
        user_id,
    )
    tx.row("SELECT version FROM baskets WHERE basket_id = %s FOR UPDATE", basket_id)
    return basket_id


def lock_existing(tx: Transaction, basket_id: str) -> int | None:
    """Its version; None when there is no such basket."""
    row = tx.row("SELECT version FROM baskets WHERE basket_id = %s FOR UPDATE", basket_id)
    return int(row["version"]) if row else None


def quantities(tx: Transaction, basket_id: str) -> dict[str, int]:
    """SKU → quantity, as it stands now."""
    rows = tx.rows("SELECT sku, quantity FROM basket_lines WHERE basket_id = %s FOR UPDATE", basket_id)
    return {row["sku"]: row["quantity"] for row in rows}


def put(tx: Transaction, basket_id: str, product: Product, quantity: int) -> bool:
    """Have so many of it, priced as ``product`` says unless something newer is known. Whether anything changed."""
    before = tx.row("SELECT * FROM basket_lines WHERE basket_id = %s AND sku = %s FOR UPDATE", basket_id, product.sku)
    if before is None:
        tx.execute(
            "INSERT INTO basket_lines (basket_id, sku, quantity, name, unit_price_cents, product_version, added_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
            basket_id,
            product.sku,
            quantity,
            product.name,
            product.unit_price_cents,
            product.version,
        )
        return True
    news = product.version > before["product_version"]
    if before["quantity"] == quantity and not news:
        return False
    tx.execute(
        "UPDATE basket_lines SET quantity = %s, name = %s, unit_price_cents = %s, product_version = %s"
        " WHERE basket_id = %s AND sku = %s",
        quantity,
        product.name if news else before["name"],
        product.unit_price_cents if news else before["unit_price_cents"],
        product.version if news else before["product_version"],
        basket_id,
        product.sku,
    )
    return True


def remove(tx: Transaction, basket_id: str, skus: Iterable[str]) -> bool:
    """Whether anything was there to remove."""
    deleted = [
        tx.execute("DELETE FROM basket_lines WHERE basket_id = %s AND sku = %s", basket_id, sku) for sku in sorted(skus)
    ]
    return any(deleted)


def subtract(tx: Transaction, basket_id: str, bought: Mapping[str, int]) -> bool:
    """Take out so many of each; whether anything changed."""
    there = quantities(tx, basket_id)
    gone = [sku for sku in there if bought.get(sku, 0) >= there[sku]]
    fewer = {sku: there[sku] - bought[sku] for sku in there if 0 < bought.get(sku, 0) < there[sku]}
    remove(tx, basket_id, gone)
    for sku, left in sorted(fewer.items()):
        tx.execute("UPDATE basket_lines SET quantity = %s WHERE basket_id = %s AND sku = %s", left, basket_id, sku)
    return bool(gone or fewer)


def count_change(tx: Transaction, basket_ids: Sequence[str]) -> None:
    """Every change is a new version."""
    for basket_id in basket_ids:
        tx.execute(
            "UPDATE baskets SET version = version + 1, updated_at = UTC_TIMESTAMP(6) WHERE basket_id = %s", basket_id
        )
