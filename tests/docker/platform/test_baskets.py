"""A basket from the first lamp to the order, and what happens to it because of what other services say."""

from __future__ import annotations

import uuid

import pytest

from sim.runtime.stack import LiveStack
from sim.services.baskets import hearing
from sim.services.baskets.contents import count_change, lock, put, quantities
from sim.services.contract.events import OrderPlaced, PostalAddress, PricedLine, ProductChanged
from sim.services.contract.shop import Product
from tests.docker.platform.shopping import Shop, emitted, event, eventually


@pytest.fixture(scope="module")
def shop(platform: LiveStack, gateway_url: str) -> Shop:
    return Shop.of(platform, gateway_url)


@pytest.fixture(scope="module")
def admin(shop: Shop) -> str:
    return shop.administrator()


def has(shop: Shop, token: str, sku: str, quantity: int) -> dict[str, object]:
    answer = shop.call("PUT", f"baskets/current/items/{sku}", {"quantity": quantity}, token=token)
    assert answer.status == 200, answer
    document: dict[str, object] = answer.document
    return document


def lines(basket: dict[str, object]) -> list[tuple[object, ...]]:
    found = basket["lines"]
    assert isinstance(found, list)
    return [(line["sku"], line["quantity"], line["unit_price_cents"]) for line in found]


def test_a_basket_is_filled_changed_and_emptied(shop: Shop, admin: str) -> None:
    """Its version counts changes and nothing else; what is read is what was just written."""
    one, two = shop.product(admin, stock=10), shop.product(admin, stock=10, unit_price_cents=100)
    customer = shop.newcomer()
    empty = shop.call("GET", "baskets/current", token=customer).document
    assert (empty["version"], empty["lines"], empty["total_cents"]) == (0, [], 0)
    assert has(shop, customer, one, 2)["version"] == 1
    assert has(shop, customer, one, 2)["version"] == 1
    basket = has(shop, customer, two, 3)
    assert (basket["version"], basket["total_cents"]) == (2, 1300)
    assert lines(basket) == [(one, 2, 500), (two, 3, 100)]
    for _ in range(2):
        assert shop.call("GET", "baskets/current", token=customer).document == basket
    assert has(shop, customer, one, 1)["version"] == 3
    assert lines(shop.call("GET", "baskets/current", token=customer).document) == [(one, 1, 500), (two, 3, 100)]
    assert shop.call("DELETE", f"baskets/current/items/{one}", token=customer).document["version"] == 4
    assert shop.call("DELETE", f"baskets/current/items/{one}", token=customer).document["version"] == 4
    assert shop.call("DELETE", "baskets/current", token=customer).status == 204
    emptied = shop.call("GET", "baskets/current", token=customer).document
    assert (emptied["version"], emptied["lines"], emptied["basket_id"]) == (5, [], empty["basket_id"])


def test_only_what_is_sold_and_there_goes_in(shop: Shop, admin: str) -> None:
    """Unknown 404, off sale or too many 409, nonsense 422, a stranger 401; the basket stays as it was."""
    few, gone = shop.product(admin, stock=3), shop.product(admin, stock=3)
    assert shop.call("DELETE", f"products/{gone}", token=admin).status == 204
    customer = shop.newcomer()

    def put_item(sku: str, quantity: object, token: str) -> int:
        return shop.call("PUT", f"baskets/current/items/{sku}", {"quantity": quantity}, token=token).status

    assert put_item("T-NONE", 1, customer) == 404
    assert put_item("%27%20OR%201=1", 1, customer) == 404
    assert put_item(few, 4, customer) == 409
    assert put_item(gone, 1, customer) == 409
    assert put_item(few, 0, customer) == 422
    assert put_item(few, 1, "") == 401
    assert shop.call("GET", "baskets/current", token=customer).document["version"] == 0


def test_a_guests_basket_is_added_to_ones_own(shop: Shop, admin: str) -> None:
    """Quantities add up as far as there is stock; what cannot be had is named."""
    one, few, sold_out = shop.product(admin, stock=10), shop.product(admin, stock=2), shop.product(admin)
    customer = shop.newcomer()
    has(shop, customer, one, 1)
    guest = [(one, 2), (few, 5), (sold_out, 1), ("T-NONE", 1)]
    answer = shop.call(
        "POST",
        "baskets/current/merge",
        {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in guest]},
        token=customer,
    )
    assert answer.status == 200, answer
    assert lines(answer.document["basket"]) == [(one, 3, 500), (few, 2, 500)]
    assert answer.document["basket"]["version"] == 2
    left_out = {line["sku"]: line["reason"] for line in answer.document["left_out"]}
    assert left_out == {sold_out: "sold-out", "T-NONE": "unknown"}


def test_a_basket_follows_the_catalogue(shop: Shop, admin: str) -> None:
    """A new price is the basket's price, and what is taken off sale leaves it."""
    one, two = shop.product(admin, stock=5), shop.product(admin, stock=5)
    customer = shop.newcomer()
    has(shop, customer, one, 1)
    has(shop, customer, two, 1)
    assert shop.call("PATCH", f"products/{one}", {"unit_price_cents": 900}, token=admin).status == 200
    assert shop.call("DELETE", f"products/{two}", token=admin).status == 204
    eventually(
        lambda: lines(shop.call("GET", "baskets/current", token=customer).document),
        lambda seen: seen == [(one, 1, 900)],
    )


def test_an_order_clears_the_basket_it_was_made_of(shop: Shop, admin: str) -> None:
    """The whole way: checkout, stock sold, basket empty."""
    sku = shop.product(admin, stock=5)
    customer = shop.newcomer()
    has(shop, customer, sku, 2)
    address = {"recipient": "N", "line1": "1 rue X", "postal_code": "75002", "city": "Paris", "country": "FR"}
    address_id = shop.call("POST", "addresses", address, token=customer).document["address_id"]
    assert shop.call("POST", "orders/checkout", {"address_id": address_id}, token=customer).status == 201
    eventually(lambda: shop.call("GET", "baskets/current", token=customer).document["lines"], lambda seen: seen == [])
    eventually(
        lambda: shop.stock(admin, sku), lambda card: (card["on_hand"], card["reserved"], card["available"]) == (3, 0, 3)
    )


def test_what_was_added_after_the_order_stays(shop: Shop) -> None:
    """The version has moved on: exactly what was ordered goes; news older than a line's own are left aside."""

    def product(sku: str, version: int = 1) -> Product:
        return Product(sku, sku, "", "c", 100, "EUR", 9, on_sale=True, images=(), version=version)

    with shop.undone("baskets") as tx:
        basket = lock(tx, str(uuid.uuid4()))
        for sku, quantity in (("A", 2), ("B", 1)):
            put(tx, basket, product(sku, 5), quantity)
            count_change(tx, (basket,))
        put(tx, basket, product("A", 5), 3)
        put(tx, basket, product("C", 5), 1)
        count_change(tx, (basket,))
        ordered = (PricedLine("A", "A", 2, 100), PricedLine("B", "B", 1, 100))
        address = PostalAddress("R", "1 rue X", "75002", "Paris", "FR")
        order = OrderPlaced(str(uuid.uuid4()), "u", "u@example.com", basket, 2, ordered, address, 300, "EUR")
        hearing.on_order_placed(event("order.placed", order), tx)
        assert quantities(tx, basket) == {"A": 1, "C": 1}
        assert ("basket.cleared", {"order_id": order.order_id, "basket_id": basket}) in emitted(tx)

        for version, price, expected in ((4, 1, 100), (7, 250, 250), (6, 2, 250)):
            hearing.on_product_changed(
                event("product.changed", ProductChanged("A", "A", price, on_sale=True, version=version)), tx
            )
            row = tx.row("SELECT unit_price_cents FROM basket_lines WHERE basket_id = %s AND sku = 'A'", basket)
            assert row is not None
            assert row["unit_price_cents"] == expected
        hearing.on_product_changed(event("product.changed", ProductChanged("A", "A", 1, on_sale=False, version=6)), tx)
        assert "A" in quantities(tx, basket)
        hearing.on_product_changed(event("product.changed", ProductChanged("A", "A", 1, on_sale=False, version=8)), tx)
        assert quantities(tx, basket) == {"C": 1}
        head = tx.row("SELECT version FROM baskets WHERE basket_id = %s", basket)
        assert head is not None
        assert head["version"] == 6
