"""The catalogue and the stock on the whole platform: what is changed is seen at once, what is gone is sold once."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from random import Random
from urllib.parse import quote

import pytest

from sim.runtime.stack import LiveStack
from sim.services.contract.events import (
    Line,
    OrderCancelled,
    OrderPlaced,
    PostalAddress,
    PricedLine,
)
from sim.services.contract.shop import RELEASE_STOCK, RESERVE_STOCK, ReserveStock
from sim.services.products import sales
from tests.docker.platform.shopping import Marks, Shop, emitted, event, eventually, png


@pytest.fixture(scope="module")
def shop(platform: LiveStack, gateway_url: str) -> Shop:
    return Shop.of(platform, gateway_url)


@pytest.fixture(scope="module")
def admin(shop: Shop) -> str:
    return shop.administrator()


def skus(shop: Shop, **query: str) -> list[str]:
    """Of every page."""
    found: list[str] = []
    while True:
        answer = shop.call("GET", "products", **query)
        assert answer.status == 200, answer
        found += [item["sku"] for item in answer.document["items"]]
        if answer.document["next"] is None:
            return found
        query["after"] = answer.document["next"]


def on_hand(shop: Shop, token: str, sku: str) -> tuple[int, int]:
    card = shop.stock(token, sku)
    return card["on_hand"], card["reserved"]


def reservation(wanted: dict[str, int], keep_s: int = 60) -> ReserveStock:
    return ReserveStock(str(uuid.uuid4()), tuple(Line(*line) for line in wanted.items()), keep_s)


def test_products_are_found_by_words_category_price_and_in_order(shop: Shop, admin: str) -> None:
    """Beginnings of words, of name and description; bounds are included; pages neither repeat nor skip."""
    category, word = f"c{secrets.token_hex(5)}", f"w{secrets.token_hex(5)}"
    prices = (300, 100, 200, 200)
    made = [
        shop.product(admin, category=category, unit_price_cents=price, name=f"Thing {place}", description=f"a {word}")
        for place, price in enumerate(prices)
    ]
    by_price = sorted(made, key=lambda sku: (prices[made.index(sku)], sku))
    assert skus(shop, q=word[:8]) == list(reversed(made))
    assert skus(shop, q=f"thing {word}", sort="name", limit="1") == made
    assert skus(shop, category=category, sort="price", limit="2") == by_price
    assert set(skus(shop, category=category, min_price_cents="200", max_price_cents="200")) == {made[2], made[3]}
    assert skus(shop, q="!!!", category=category) == []
    assert skus(shop, category=category, in_stock="true") == []


def test_a_change_is_seen_at_once_in_lists_and_alone(shop: Shop, admin: str) -> None:
    """However often it was read before: price, name, stock, off sale."""
    category = f"c{secrets.token_hex(5)}"
    sku = shop.product(admin, category=category)
    path = f"products/{sku}"

    def seen() -> tuple[object, ...]:
        for _ in range(2):
            one = shop.call("GET", path).document
            listed = shop.call("GET", "products", category=category).document["items"]
        summary = [(item["name"], item["unit_price_cents"], item["in_stock"]) for item in listed]
        return one["name"], one["unit_price_cents"], one["available"], one["on_sale"], summary

    name = f"Thing {sku}"
    assert seen() == (name, 500, 0, True, [(name, 500, False)])
    shop.receive(admin, sku, 3)
    assert seen() == (name, 500, 3, True, [(name, 500, True)])
    assert shop.call("PATCH", path, {"unit_price_cents": 700, "name": "New"}, token=admin).status == 200
    assert seen() == ("New", 700, 3, True, [("New", 700, True)])
    shop.receive(admin, sku, -3)
    assert seen() == ("New", 700, 0, True, [("New", 700, False)])
    assert shop.call("DELETE", path, token=admin).status == 204
    assert seen() == ("New", 700, 0, False, [])
    assert [
        item["sku"]
        for item in shop.call("GET", "products", token=admin, category=category, off_sale="true").document["items"]
    ] == [sku]


def test_two_who_change_one_product_do_not_overwrite_each_other(shop: Shop, admin: str) -> None:
    """Who names the version they read is told that it has moved on; a change of nothing is none."""
    sku = shop.product(admin)
    path = f"products/{sku}"
    version = shop.call("GET", path).document["version"]
    assert (
        shop.call("PATCH", path, {"unit_price_cents": 500, "version": version}, token=admin).document["version"]
        == version
    )
    assert shop.call("PATCH", path, {"unit_price_cents": 501, "version": version}, token=admin).status == 200
    refused = shop.call("PATCH", path, {"name": "Mine", "version": version}, token=admin)
    assert (refused.status, refused.document["version"]) == (409, version + 1)


def test_what_is_taken_or_missing_is_said(shop: Shop, admin: str) -> None:
    """A SKU or category twice, a category or product that is not there, a stranger who would change something."""
    sku = shop.product(admin)
    draft = {"sku": sku, "name": "Again", "unit_price_cents": 1, "category": "kitchenware"}
    category = shop.call("GET", f"products/{sku}").document["category"]
    assert shop.call("POST", "products", draft | {"category": category}, token=admin).status == 409
    assert shop.call("POST", "products", draft | {"sku": f"{sku}-2", "category": "no-such"}, token=admin).status == 422
    assert shop.call("POST", "products/categories", {"slug": category, "name": "x"}, token=admin).status == 409
    assert shop.call("GET", "products/NO-SUCH").status == 404
    assert shop.call("POST", "products", draft).status == 401
    assert shop.call("POST", "products", draft, token=shop.newcomer()).status == 403
    assert shop.call("GET", "products", off_sale="true").status == 403


@pytest.mark.parametrize("text", ["' OR 1=1 --", "\x00", "🙂", '+-*"(@>', "%_\\", "a" * 100, "\u00ad", "\U0001d4b3"])
def test_nothing_typed_breaks_the_catalogue(shop: Shop, admin: str, text: str) -> None:
    """In the search, as a cursor, as a SKU, in a description: an answer, and the text as it was.

    The gateway lets no NUL into a query.
    """
    found, refused = (400, 400) if "\x00" in text else (200, 422)
    assert shop.call("GET", "products", q=text).status == found
    assert shop.call("GET", "products", category=text[:60]).status == found
    assert shop.call("GET", "products", after=text).status == refused
    assert shop.call("GET", f"products/{quote(text, safe='')}").status in {400, 404}
    sku = shop.product(admin, description=text)
    assert shop.call("GET", f"products/{sku}").document["description"] == text


def test_an_image_is_in_the_public_bucket_as_long_as_the_product_has_it(
    shop: Shop, admin: str, platform: LiveStack
) -> None:
    """A replaced one gets another URL and the old one is gone; what is no picture is refused."""
    sku = shop.product(admin)
    path = f"products/{sku}/images/front.png"

    def stored(url: str) -> tuple[int, bytes]:
        reply = platform.servers.gateway().follow("GET", url)
        return reply.status, reply.body

    first = shop.call("PUT", path, {"content_type": "image/png", "content": png(b"one")}, token=admin).document["url"]
    assert stored(first) == (200, b"\x89PNG\r\n\x1a\none")
    second = shop.call("PUT", path, {"content_type": "image/png", "content": png(b"two")}, token=admin).document["url"]
    assert shop.call("GET", f"products/{sku}").document["images"] == [second]
    assert stored(first)[0] == 404
    assert shop.call("PUT", path, {"content_type": "image/jpeg", "content": png()}, token=admin).status == 422
    assert shop.call("DELETE", path, token=admin).status == 204
    assert stored(second)[0] == 404
    assert shop.call("GET", f"products/{sku}").document["images"] == []
    assert shop.call("DELETE", path, token=admin).status == 404


def test_a_hundred_who_want_the_last_ten_get_ten(shop: Shop, admin: str) -> None:
    """Two products at once, asked for in either order: no one waits for ever, no more is held than there is."""
    random = Random(10)  # noqa: S311 - only which of two is named first
    wanted = [shop.product(admin, stock=10), shop.product(admin, stock=12)]
    bodies = [reservation(dict.fromkeys(random.sample(wanted, 2), 1)) for _ in range(100)]
    answers = shop.ask(RESERVE_STOCK, bodies)
    assert sorted({answer.status for answer in answers}) == [201, 409]
    assert sum(answer.status == 201 for answer in answers) == 10
    refused = next(answer.document for answer in answers if answer.status == 409)
    assert refused["shortages"][0] == {"sku": wanted[0], "requested": 1, "available": 0, "reason": "short"}
    assert [on_hand(shop, admin, sku) for sku in wanted] == [(10, 10), (12, 10)]
    assert shop.call("POST", f"products/{wanted[0]}/stock", {"change": -1, "reason": "lost"}, token=admin).status == 409


def test_a_reservation_is_made_once_and_given_back_once(shop: Shop, admin: str) -> None:
    """The same id answers the same, by the same message or another; released twice, it comes back once."""
    sku = shop.product(admin, stock=5)
    wanted = reservation({sku: 2})
    first, again = shop.ask(RESERVE_STOCK, [wanted, wanted])
    assert first.status == again.status == 201
    assert first.document == again.document
    assert on_hand(shop, admin, sku) == (5, 2)
    assert shop.ask(RESERVE_STOCK, [ReserveStock(wanted.reservation_id, (Line(sku, 3),))])[0].status == 409
    path = f"/reservations/{wanted.reservation_id}"
    assert [shop.ask(RELEASE_STOCK, [None], path=path)[0].status for _ in range(2)] == [204, 204]
    assert on_hand(shop, admin, sku) == (5, 0)


def test_all_or_nothing_is_held(shop: Shop, admin: str) -> None:
    """With one line short, unknown or off sale, nothing of the others is held; nonsense is refused."""
    plenty, few, gone = (shop.product(admin, stock=stock) for stock in (5, 1, 5))
    assert shop.call("DELETE", f"products/{gone}", token=admin).status == 204
    answers = shop.ask(
        RESERVE_STOCK,
        [
            reservation({plenty: 1, few: 2}),
            reservation({plenty: 1, "T-NONE": 1}),
            reservation({plenty: 1, gone: 1}),
            reservation({plenty: -1}),
            reservation({plenty: 10**9}),
            reservation({}),
        ],
    )
    assert [answer.status for answer in answers] == [409, 409, 409, 422, 422, 422]
    reasons = [answer.document["shortages"][0]["reason"] for answer in answers[:3]]
    assert reasons == ["short", "unknown", "off-sale"]
    assert on_hand(shop, admin, plenty) == (5, 0)


def test_what_is_not_bought_in_time_can_be_bought_again(shop: Shop, admin: str) -> None:
    """A second's reservation lapses by itself, and the catalogue shows it."""
    sku = shop.product(admin, stock=1)
    assert shop.ask(RESERVE_STOCK, [reservation({sku: 1}, keep_s=1)])[0].status == 201
    assert shop.call("GET", f"products/{sku}").document["available"] == 0
    eventually(lambda: shop.call("GET", f"products/{sku}").document["available"], lambda available: available == 1)
    assert on_hand(shop, admin, sku) == (1, 0)


@pytest.fixture
def placed() -> Callable[[str, str, int], OrderPlaced]:
    def make(order_id: str, sku: str, quantity: int) -> OrderPlaced:
        address = PostalAddress("R", "1 rue X", "75002", "Paris", "FR")
        line = PricedLine(sku, "Thing", quantity, 500)
        return OrderPlaced(order_id, "u", "u@example.com", "b", 1, (line,), address, 500 * quantity, "EUR")

    return make


def test_whatever_order_events_come_in_stock_is_sold_once_or_not_at_all(
    shop: Shop, admin: str, placed: Callable[[str, str, int], OrderPlaced]
) -> None:
    """Held, lapsed, gone meanwhile, cancelled before it was placed: on the real tables, rolled back afterwards."""
    sku = shop.product(admin, stock=5)
    held = reservation({sku: 2}, keep_s=600)
    assert shop.ask(RESERVE_STOCK, [held])[0].status == 201
    order, lapsed, gone, early = held.reservation_id, *(str(uuid.uuid4()) for _ in range(3))
    with shop.undone("products") as tx:

        def state() -> tuple[int, int]:
            row = tx.row("SELECT on_hand, reserved FROM stock WHERE sku = %s", sku)
            assert row is not None
            return row["on_hand"], row["reserved"]

        def told() -> dict[str, str]:
            return {body["order_id"]: name for name, body in emitted(tx)}

        sales.on_order_placed(event("order.placed", placed(order, sku, 2)), tx)
        assert (state(), told().get(order)) == ((3, 0), "stock.committed")
        sales.on_order_placed(event("order.placed", placed(order, sku, 2)), tx)
        assert state() == (3, 0)

        marks = Marks()
        sales.on_order_cancelled(event("order.cancelled", OrderCancelled(order, "u", "changed my mind"), marks), tx)
        assert state() == (5, 0)
        assert f"product:{sku}" in marks.keys
        sales.on_order_cancelled(event("order.cancelled", OrderCancelled(order, "u", "again")), tx)
        assert state() == (5, 0)

        sales.on_order_placed(event("order.placed", placed(lapsed, sku, 4)), tx)
        assert (state(), told()[lapsed]) == ((1, 0), "stock.committed")
        sales.on_order_placed(event("order.placed", placed(gone, sku, 2)), tx)
        assert (state(), told()[gone]) == ((1, 0), "stock.refused")

        sales.on_order_cancelled(event("order.cancelled", OrderCancelled(early, "u", "at once")), tx)
        sales.on_order_placed(event("order.placed", placed(early, sku, 1)), tx)
        assert (state(), told().get(early)) == ((1, 0), None)
    assert on_hand(shop, admin, sku) == (5, 2)


def test_movements_make_up_what_is_on_hand(shop: Shop, admin: str) -> None:
    """The ledger's sum is the shelf's count, latest first, page by page."""
    sku = shop.product(admin)
    for change in (7, -2, 5):
        shop.receive(admin, sku, change)
    card = shop.call("GET", f"products/{sku}/stock", token=admin, limit="2").document
    rest = shop.call("GET", f"products/{sku}/stock", token=admin, after=card["next"]).document
    changes = [movement["quantity"] for movement in card["movements"] + rest["movements"]]
    assert (changes, sum(changes), rest["next"]) == ([5, -2, 7], card["on_hand"], None)
    assert shop.call("POST", f"products/{sku}/stock", {"change": -11, "reason": "lost"}, token=admin).status == 409
