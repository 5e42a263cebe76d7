"""What a basket's owner does with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from sim.services.baskets import api, contents, copies
from sim.services.baskets.contents import State, basket_id_of
from sim.services.chassis.service import Call, Reply, Transaction
from sim.services.contract.problem import Problem, not_found
from sim.services.contract.shop import SHOW_PRODUCT, Basket, Product

_SKU: Final = re.compile("[A-Z0-9][A-Z0-9-]{0,39}")


def show(call: Call) -> Basket | msgspec.Raw:
    basket_id = basket_id_of(call.caller.user_id)
    cache = call.context.cache
    with call.context.transaction() as tx:
        head = contents.head(tx, basket_id)
        if head is None:
            return contents.empty(basket_id)
        found = copies.find(cache, basket_id, head["version"], head["updated_at"])
        if found:
            return msgspec.Raw(found)
        state = contents.read(tx, basket_id)
    return msgspec.Raw(copies.keep(cache, state))


def put_item(call: Call) -> Reply:
    """Products are asked for once the call is known not to have been answered, and before anything is locked."""
    wanted: api.ItemQuantity = call.body
    with call.context.transaction() as tx:
        product = _product(call, call.path["sku"])
        if not product.on_sale:
            raise Problem(409, f"{product.name} is not sold any more.")
        if product.available < wanted.quantity:
            raise Problem(409, f"There are only {product.available} of {product.name}.", available=product.available)
        basket_id = contents.lock(tx, call.caller.user_id)
        there = contents.quantities(tx, basket_id)
        if product.sku not in there and len(there) >= api.MAX_LINES:
            raise Problem(409, f"A basket has at most {api.MAX_LINES} lines.")
        if contents.put(tx, basket_id, product, wanted.quantity):
            contents.count_change(tx, (basket_id,))
        state = contents.read(tx, basket_id, current=True)
        reply = tx.answer(state.basket)
    copies.keep(call.context.cache, state)
    return reply


def delete_item(call: Call) -> Reply:
    with call.context.transaction() as tx:
        state = _without(tx, call.caller.user_id, (call.path["sku"],))
        reply = tx.answer(state.basket)
    copies.keep(call.context.cache, state)
    return reply


def empty(call: Call) -> Reply:
    with call.context.transaction() as tx:
        basket_id = contents.lock(tx, call.caller.user_id)
        state = _without(tx, call.caller.user_id, contents.quantities(tx, basket_id))
        reply = tx.answer(None, 204)
    copies.keep(call.context.cache, state)
    return reply


def merge(call: Call) -> Reply:
    """Quantities add up, as far as there is stock; what cannot be had is named, and the rest taken over."""
    guest: api.GuestBasket = call.body
    wanted: dict[str, int] = {}
    for line in guest.lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    with call.context.transaction() as tx:
        products = {sku: _perhaps(call, sku) for sku in wanted}
        basket_id = contents.lock(tx, call.caller.user_id)
        left_out = _take_over(tx, basket_id, wanted, products)
        state = contents.read(tx, basket_id, current=True)
        reply = tx.answer(api.Merged(state.basket, left_out))
    copies.keep(call.context.cache, state)
    return reply


def _take_over(
    tx: Transaction, basket_id: str, wanted: Mapping[str, int], products: Mapping[str, Product | None]
) -> tuple[api.LeftOut, ...]:
    left_out: list[api.LeftOut] = []
    there = contents.quantities(tx, basket_id)
    changed = False
    for sku, quantity in wanted.items():
        product = products[sku]
        if product is None:
            left_out.append(api.LeftOut(sku, "unknown"))
        elif not product.on_sale:
            left_out.append(api.LeftOut(sku, "off-sale"))
        elif product.available < 1:
            left_out.append(api.LeftOut(sku, "sold-out"))
        elif sku not in there and len(there) >= api.MAX_LINES:
            left_out.append(api.LeftOut(sku, "basket-full"))
        else:
            # Never fewer than there were: what was in the basket before is the owner's own affair.
            most = max(min(product.available, api.MAX_QUANTITY), there.get(sku, 0))
            there[sku] = min(there.get(sku, 0) + quantity, most)
            changed = contents.put(tx, basket_id, product, there[sku]) or changed
    if changed:
        contents.count_change(tx, (basket_id,))
    return tuple(left_out)


def _without(tx: Transaction, user_id: str, skus: Iterable[str]) -> State:
    """The basket once these are out of it."""
    basket_id = contents.lock(tx, user_id)
    if contents.remove(tx, basket_id, skus):
        contents.count_change(tx, (basket_id,))
    return contents.read(tx, basket_id, current=True)


def _product(call: Call, sku: str) -> Product:
    """Raises Problem 404 for what is no product's name, without asking."""
    if not _SKU.fullmatch(sku):
        raise not_found("This product")
    product: Product = call.context.ask(SHOW_PRODUCT, path={"sku": sku}, as_=call.identity)
    return product


def _perhaps(call: Call, sku: str) -> Product | None:
    try:
        return _product(call, sku)
    except Problem as problem:
        if problem.status == not_found("").status:
            return None
        raise
