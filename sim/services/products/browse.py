"""Reading the catalogue: listing and searching it, one product, the categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from sim.services.chassis.service import Call, Row
from sim.services.contract.problem import Problem
from sim.services.products import api, freshness, search
from sim.services.products.catalogue import known_sku, read
from sim.services.products.search import Cursor, Order

_ORDERS: Final = {
    "newest": Order("p.created_at", descending=True, key="p.sku"),
    "name": Order("p.name", descending=False, key="p.sku"),
    "price": Order("p.unit_price_cents", descending=False, key="p.sku", numeric=True),
    "-price": Order("p.unit_price_cents", descending=True, key="p.sku", numeric=True),
}
_COLUMN_OF: Final = {"newest": "created_at", "name": "name", "price": "unit_price_cents", "-price": "unit_price_cents"}
_SUMMARY: Final = (
    "SELECT p.sku, p.name, p.category, p.unit_price_cents, p.currency, p.on_sale, p.created_at,"
    " s.on_hand > s.reserved AS in_stock,"
    " (SELECT i.object_key FROM product_images i WHERE i.sku = p.sku ORDER BY i.name LIMIT 1) AS image"
    " FROM products p JOIN stock s ON s.sku = p.sku"
)
_CATEGORIES: Final = (
    "SELECT c.slug, c.name, (SELECT COUNT(*) FROM products p WHERE p.category = c.slug AND p.on_sale) AS products"
    " FROM categories c WHERE c.slug > %s ORDER BY c.slug LIMIT %s"
)


def list_products(call: Call) -> msgspec.Raw:
    query: api.CatalogueQuery = call.query
    if query.off_sale and not (call.identity and call.identity.may("products.write")):
        raise Problem(403, "Products off sale are shown only to those who may change them.")
    question = msgspec.json.encode(query)
    return msgspec.Raw(freshness.listing(call.context.cache, question, lambda: _page(call, query)))


def show(call: Call) -> msgspec.Raw:
    sku = known_sku(call.path["sku"])

    def load() -> bytes:
        with call.context.transaction() as tx:
            return msgspec.json.encode(read(tx, sku, call.context.bucket))

    return msgspec.Raw(freshness.product(call.context.cache, sku, load))


def categories(call: Call) -> msgspec.Raw:
    query: api.CategoryQuery = call.query

    def load() -> bytes:
        after = str(search.decode(query.after, "slug").value) if query.after else ""
        with call.context.transaction() as tx:
            rows = tx.rows(_CATEGORIES, after, query.limit + 1)
        items = tuple(api.Category(row["slug"], row["name"], row["products"]) for row in rows[: query.limit])
        more = len(rows) > query.limit
        following = search.encode(Cursor("slug", items[-1].slug, items[-1].slug)) if more else None
        return msgspec.json.encode(api.CategoryList(items, following))

    question = b"categories" + msgspec.json.encode(query)
    return msgspec.Raw(freshness.listing(call.context.cache, question, load))


def _page(call: Call, query: api.CatalogueQuery) -> bytes:
    cursor = _cursor(query)
    wanted = search.words(query.q)
    if query.q.strip() and wanted is None:  # a text without a word in it matches nothing
        return msgspec.json.encode(api.ProductList((), None))
    conditions = list(_conditions(query, wanted))
    if cursor:
        conditions.append(_ORDERS[query.sort].beyond(cursor))
    where = " AND ".join(clause for clause, _ in conditions) or "TRUE"
    values = [value for _, some in conditions for value in some]
    with call.context.transaction() as tx:
        rows = tx.rows(
            f"{_SUMMARY} WHERE {where} ORDER BY {_ORDERS[query.sort].clause} LIMIT %s", *values, query.limit + 1
        )
    return msgspec.json.encode(_listed(call, query, rows))


def _listed(call: Call, query: api.CatalogueQuery, rows: Sequence[Row]) -> api.ProductList:
    bucket = call.context.bucket
    items = tuple(
        api.ProductSummary(
            sku=row["sku"],
            name=row["name"],
            category=row["category"],
            unit_price_cents=row["unit_price_cents"],
            currency=row["currency"],
            in_stock=bool(row["in_stock"]),
            on_sale=bool(row["on_sale"]),
            image=bucket.public_url(row["image"]) if row["image"] else None,
        )
        for row in rows[: query.limit]
    )
    if len(rows) <= query.limit:
        return api.ProductList(items, None)
    last = rows[query.limit - 1]
    value = last[_COLUMN_OF[query.sort]]
    if isinstance(value, datetime):
        value = value.isoformat()
    return api.ProductList(items, search.encode(Cursor(query.sort, value, last["sku"])))


def _cursor(query: api.CatalogueQuery) -> Cursor | None:
    if not query.after:
        return None
    cursor = search.decode(query.after, query.sort)
    if query.sort == "newest":
        search.moment(cursor)
    return cursor


def _conditions(query: api.CatalogueQuery, wanted: search.Words | None) -> Iterator[tuple[str, Sequence[Any]]]:
    if not query.off_sale:
        yield "p.on_sale", ()
    if wanted and wanted.match:
        yield "MATCH (p.name, p.description) AGAINST (%s IN BOOLEAN MODE)", (wanted.match,)
    if wanted:
        yield from (("p.name LIKE %s", (pattern,)) for pattern in wanted.likes)
    if query.category:
        yield "p.category = %s", (query.category,)
    if query.min_price_cents is not None:
        yield "p.unit_price_cents >= %s", (query.min_price_cents,)
    if query.max_price_cents is not None:
        yield "p.unit_price_cents <= %s", (query.max_price_cents,)
    if query.in_stock:
        yield "s.on_hand > s.reserved", ()
