"""Changing the catalogue: products, what is told of their changes, categories."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pymysql.err import IntegrityError

from sim.services.chassis.service import Bucket, Call, Reply, Row, Transaction
from sim.services.contract.events import ProductChanged
from sim.services.contract.problem import Problem, not_found
from sim.services.contract.shop import Product
from sim.services.products import api, freshness

_DUPLICATE_KEY: Final = 1062
_NO_PARENT: Final = 1452
_PRODUCT: Final = (
    "SELECT p.*, s.on_hand - s.reserved AS available FROM products p JOIN stock s ON s.sku = p.sku WHERE p.sku = %s"
)
_TOLD: Final = frozenset({"name", "unit_price_cents", "on_sale"})
"""What other services keep a copy of."""


def known_sku(text: str) -> str:
    """The SKU in a path. Raises Problem 404 for what cannot be one."""
    if not api.is_sku(text):
        raise not_found("This product")
    return text


def read(tx: Transaction, sku: str, bucket: Bucket) -> Product:
    """Raises Problem 404 when there is none."""
    row = tx.row(_PRODUCT, sku)
    if row is None:
        raise not_found("This product")
    images = tx.rows("SELECT object_key FROM product_images WHERE sku = %s ORDER BY name", sku)
    return Product(
        sku=row["sku"],
        name=row["name"],
        description=row["description"],
        category=row["category"],
        unit_price_cents=row["unit_price_cents"],
        currency=row["currency"],
        available=row["available"],
        on_sale=bool(row["on_sale"]),
        images=tuple(bucket.public_url(image["object_key"]) for image in images),
        version=row["version"],
    )


def locked(tx: Transaction, sku: str) -> Row:
    """The product's row, nobody else's to change until the end. Raises Problem 404 when there is none."""
    row = tx.row("SELECT * FROM products WHERE sku = %s FOR UPDATE", sku)
    if row is None:
        raise not_found("This product")
    return row


def create(call: Call) -> Reply:
    draft: api.ProductDraft = call.body
    with call.context.transaction() as tx:
        try:
            tx.execute(
                "INSERT INTO products (sku, name, description, category, unit_price_cents, currency, on_sale,"
                " created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                draft.sku,
                draft.name,
                draft.description,
                draft.category,
                draft.unit_price_cents,
                draft.currency,
                draft.on_sale,
            )
        except IntegrityError as error:
            raise _refusal(error, taken=f"The SKU {draft.sku} is taken.") from None
        tx.execute("INSERT INTO stock (sku) VALUES (%s)", draft.sku)
        reply = tx.answer(read(tx, draft.sku, call.context.bucket), 201)
        freshness.outdate(call.context.cache, (draft.sku,), lists=True)
    return reply


def change(call: Call) -> Reply:
    wanted: api.ProductChange = call.body
    sku = known_sku(call.path["sku"])
    with call.context.transaction() as tx:
        row = locked(tx, sku)
        if wanted.version is not msgspec.UNSET and wanted.version != row["version"]:
            raise Problem(
                409, f"The product is at version {row['version']}, not {wanted.version}.", version=row["version"]
            )
        changes = _changes(wanted, row)
        if changes:
            _apply(call, tx, row, changes)
        return tx.answer(read(tx, sku, call.context.bucket))


def withdraw(call: Call) -> Reply:
    sku = known_sku(call.path["sku"])
    with call.context.transaction() as tx:
        row = locked(tx, sku)
        if row["on_sale"]:
            _apply(call, tx, row, {"on_sale": False})
        return tx.answer(None, 204)


def create_category(call: Call) -> Reply:
    draft: api.CategoryDraft = call.body
    with call.context.transaction() as tx:
        try:
            tx.execute(
                "INSERT INTO categories (slug, name, created_at) VALUES (%s, %s, UTC_TIMESTAMP(6))",
                draft.slug,
                draft.name,
            )
        except IntegrityError as error:
            raise _refusal(error, taken="A category of this slug or name exists.") from None
        reply = tx.answer(api.Category(draft.slug, draft.name, 0), 201)
        freshness.outdate(call.context.cache, (), lists=True)
    return reply


def touch(call: Call, tx: Transaction, sku: str) -> None:
    """Count a change of what belongs to the product without standing in its row."""
    tx.execute("UPDATE products SET version = version + 1, updated_at = UTC_TIMESTAMP(6) WHERE sku = %s", sku)
    freshness.outdate(call.context.cache, (sku,), lists=True)


def _changes(wanted: api.ProductChange, row: Row) -> dict[str, Any]:
    """Columns and their new values; the same value again is no change."""
    named = {
        "name": wanted.name,
        "description": wanted.description,
        "category": wanted.category,
        "unit_price_cents": wanted.unit_price_cents,
        "on_sale": wanted.on_sale,
    }
    return {column: new for column, new in named.items() if new is not msgspec.UNSET and new != row[column]}


def _apply(call: Call, tx: Transaction, row: Row, changes: dict[str, Any]) -> None:
    assignments = ", ".join(f"{column} = %s" for column in changes)
    try:
        tx.execute(f"UPDATE products SET {assignments} WHERE sku = %s", *changes.values(), row["sku"])  # noqa: S608 - columns are named in _changes
    except IntegrityError as error:
        raise _refusal(error, taken="The product exists.") from None
    touch(call, tx, row["sku"])
    if _TOLD & changes.keys():
        now = {**row, **changes}
        tx.emit(
            "product.changed",
            ProductChanged(
                sku=now["sku"],
                name=now["name"],
                unit_price_cents=now["unit_price_cents"],
                on_sale=bool(now["on_sale"]),
                version=row["version"] + 1,
            ),
        )


def _refusal(error: IntegrityError, *, taken: str) -> Exception:
    """What the caller is told of a constraint; an unforeseen one stays what it is."""
    match error.args[0]:
        case code if code == _DUPLICATE_KEY:
            return Problem(409, taken)
        case code if code == _NO_PARENT:
            return Problem(422, "There is no such category.")
    return error
