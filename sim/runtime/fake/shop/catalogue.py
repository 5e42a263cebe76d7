"""Products in memory: the catalogue, stock with reservations, and how each change of stock came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from sim.runtime.fake.shop.model import Call, Handler, Hearing, Shelves, page
from sim.runtime.fake.shop.storage import Storage
from sim.services.contract.events import (
    Line,
    OrderCancelled,
    OrderPlaced,
    PricedLine,
    ProductChanged,
    StockCommitted,
    StockRefused,
)
from sim.services.contract.problem import Problem, not_found
from sim.services.contract.shop import SHOW_PRODUCT, Product
from sim.services.products import api

SERVICE = "products"


@dataclass(slots=True)
class Stock:
    on_hand: int = 0
    reserved: int = 0
    movements: list[api.StockMovement] = field(default_factory=list)

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


@dataclass(slots=True)
class _Hold:
    lines: tuple[Line, ...]
    state: str = "held"


def handlers() -> Mapping[str, Handler]:
    return {
        api.LIST.name: _list,
        api.CATEGORIES.name: _categories,
        api.CREATE_CATEGORY.name: _create_category,
        api.CREATE.name: _create,
        SHOW_PRODUCT.name: _show,
        api.CHANGE.name: _change,
        api.WITHDRAW.name: _withdraw,
        api.SHOW_STOCK.name: _show_stock,
        api.ADJUST_STOCK.name: _adjust_stock,
    }


def image_handlers(storage: Storage) -> Mapping[str, Handler]:
    """Images go to the public bucket."""

    def put(call: Call) -> api.Image:
        product, name, upload = _product(call), call.path["name"], call.body
        key = f"{product.sku}/{name}"
        url = storage.put(SERVICE, key, upload.content)
        call.rows("products")[product.sku] = msgspec.structs.replace(product, images=(*product.images, url))
        return api.Image(name, url, upload.content_type, len(upload.content))

    return {api.PUT_IMAGE.name: put}


def hearings() -> Mapping[tuple[str, str], Hearing]:
    return {(SERVICE, "order.placed"): _sell, (SERVICE, "order.cancelled"): _restock}


def reserve(shelves: Shelves, order_id: str, lines: tuple[Line, ...]) -> tuple[PricedLine, ...]:
    """What orders asks for: all or nothing. Raises Problem 409 with the shortages."""
    stock: dict[str, Stock] = shelves.books[SERVICE].table("stock")
    products: dict[str, Product] = shelves.books[SERVICE].table("products")
    short = [line.sku for line in lines if stock[line.sku].available < line.quantity]
    if short and not shelves.switches.oversells:
        raise Problem(409, "There is not enough stock.", shortages=short)
    for line in lines:
        stock[line.sku].reserved += line.quantity
    shelves.books[SERVICE].table("holds")[order_id] = _Hold(lines)
    return tuple(
        PricedLine(line.sku, products[line.sku].name, line.quantity, products[line.sku].unit_price_cents)
        for line in lines
    )


def _move(shelves: Shelves, sku: str, quantity: int, kind: str, *, reference: str, reason: str = "") -> None:
    stock: Stock = shelves.books[SERVICE].table("stock")[sku]
    stock.on_hand += quantity
    stock.movements.append(api.StockMovement(quantity, kind, reason or kind, reference, shelves.stamp()))


def _sell(shelves: Shelves, placed: OrderPlaced, trace_id: str) -> None:
    hold: _Hold | None = shelves.books[SERVICE].table("holds").get(placed.order_id)
    if hold is None or (hold.state != "held" and not shelves.switches.forgets_what_it_heard):
        shelves.emit(SERVICE, "stock.refused", StockRefused(placed.order_id, "the reservation is gone"), trace_id)
        return
    hold.state = "sold"
    for line in hold.lines:
        shelves.books[SERVICE].table("stock")[line.sku].reserved -= line.quantity
        _move(shelves, line.sku, -line.quantity, "sold", reference=placed.order_id)
    shelves.emit(SERVICE, "stock.committed", StockCommitted(placed.order_id), trace_id)


def _restock(shelves: Shelves, cancelled: OrderCancelled, _trace_id: str) -> None:
    hold: _Hold | None = shelves.books[SERVICE].table("holds").get(cancelled.order_id)
    if hold is None or shelves.switches.skips_compensation:
        return
    if hold.state == "held":
        for line in hold.lines:
            shelves.books[SERVICE].table("stock")[line.sku].reserved -= line.quantity
    elif hold.state == "sold":
        for line in hold.lines:
            _move(shelves, line.sku, line.quantity, "returned", reference=cancelled.order_id)
    hold.state = "cancelled"


def _product(call: Call) -> Product:
    products: dict[str, Product] = call.rows("products")
    product = products.get(call.path["sku"])
    if product is None:
        raise not_found("This product")
    return product


def _show(call: Call) -> Product:
    product = _product(call)
    return msgspec.structs.replace(product, available=call.rows("stock")[product.sku].available)


def _list(call: Call) -> api.ProductList:
    query: api.CatalogueQuery = call.query
    products: list[Product] = list(call.rows("products").values())
    stock: dict[str, Stock] = call.rows("stock")
    kept = [
        p
        for p in reversed(products)
        if (p.on_sale or query.off_sale)
        and query.category in {"", p.category}
        and query.q.lower() in f"{p.name} {p.description}".lower()
        and (not query.in_stock or stock[p.sku].available > 0)
    ]
    items, more = page(kept, query.limit, query.after)
    return api.ProductList(
        tuple(
            api.ProductSummary(
                p.sku, p.name, p.category, p.unit_price_cents, p.currency, stock[p.sku].available > 0, p.on_sale, None
            )
            for p in items
        ),
        more,
    )


def _categories(call: Call) -> api.CategoryList:
    products = list(call.rows("products").values())
    names: dict[str, str] = call.rows("categories")
    items = [
        api.Category(slug, name, sum(p.category == slug and p.on_sale for p in products))
        for slug, name in sorted(names.items())
    ]
    return api.CategoryList(tuple(items), None)


def _create_category(call: Call) -> api.Category:
    if call.body.slug in call.rows("categories"):
        raise Problem(409, "This category exists.")
    call.rows("categories")[call.body.slug] = call.body.name
    return api.Category(call.body.slug, call.body.name, 0)


def _create(call: Call) -> Product:
    draft: api.ProductDraft = call.body
    if draft.sku in call.rows("products"):
        raise Problem(409, "This SKU is taken.")
    if draft.category not in call.rows("categories"):
        raise Problem(422, "There is no such category.")
    product = Product(
        sku=draft.sku,
        name=draft.name,
        description=draft.description,
        category=draft.category,
        unit_price_cents=draft.unit_price_cents,
        currency=draft.currency,
        available=0,
        on_sale=draft.on_sale,
        images=(),
        version=1,
    )
    call.rows("products")[draft.sku] = product
    call.rows("stock")[draft.sku] = Stock()
    return product


def _changed(call: Call, product: Product) -> Product:
    call.rows("products")[product.sku] = product
    call.emit(
        "product.changed",
        ProductChanged(product.sku, product.name, product.unit_price_cents, product.on_sale, product.version),
    )
    return product


def _change(call: Call) -> Product:
    product = _product(call)
    changes = {
        name: value
        for name in ("name", "description", "category", "unit_price_cents", "on_sale")
        if (value := getattr(call.body, name)) is not msgspec.UNSET
    }
    if call.body.version is not msgspec.UNSET and call.body.version != product.version:
        raise Problem(409, "Somebody else changed this product.")
    return _changed(call, msgspec.structs.replace(product, **changes, version=product.version + 1))


def _withdraw(call: Call) -> None:
    product = _product(call)
    _changed(call, msgspec.structs.replace(product, on_sale=False, version=product.version + 1))


def _show_stock(call: Call) -> api.StockCard:
    sku = _product(call).sku
    stock: Stock = call.rows("stock")[sku]
    items, more = page(stock.movements[::-1], call.query.limit, call.query.after)
    return api.StockCard(sku, stock.on_hand, stock.reserved, stock.available, items, more)


def _adjust_stock(call: Call) -> api.StockLevel:
    sku = _product(call).sku
    stock: Stock = call.rows("stock")[sku]
    if stock.on_hand + call.body.change < stock.reserved:
        raise Problem(409, "That much is reserved.")
    _move(call.shop, sku, call.body.change, "adjusted", reference=call.caller.user_id, reason=call.body.reason)
    return api.StockLevel(sku, stock.on_hand, stock.reserved, stock.available)
