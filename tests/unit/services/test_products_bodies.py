"""What products and baskets take and refuse before any handler sees it, and what is decided without a database."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from sim.services.baskets.api import GuestBasket, ItemQuantity
from sim.services.baskets.contents import basket_id_of, empty, priced
from sim.services.baskets.service import SERVICE as BASKETS
from sim.services.contract.events import Line, PricedLine
from sim.services.products import api
from sim.services.products.images import is_of_type
from sim.services.products.service import SERVICE as PRODUCTS
from sim.services.products.shelf import totals

DRAFT = {"sku": "A-1", "name": "A lamp", "category": "lighting", "unit_price_cents": 100}
PNG = b"\x89PNG\r\n\x1a\n rest"


def decoded(kind: Any, document: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document), type=kind)


@pytest.mark.parametrize("service", [PRODUCTS, BASKETS], ids=lambda service: service.key)
def test_every_route_has_its_handler(service: Any) -> None:
    """A service with a route nobody answers would not start."""
    assert list(service.unhandled()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"sku": "a-1"},
        {"sku": "A-1\n"},
        {"sku": "A" * 41},
        {"sku": ""},
        {"name": ""},
        {"name": " "},
        {"name": "x" * 121},
        {"name": "two\nlines"},
        {"name": "nul\x00"},
        {"category": "Not A Slug"},
        {"category": "lighting\n"},
        {"unit_price_cents": -1},
        {"unit_price_cents": 10**12},
        {"unit_price_cents": 1.5},
        {"currency": "USD"},
        {"description": "x" * 4001},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_product_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    """By its schema, which the gateway answers 422 from."""
    decoded(api.ProductDraft, DRAFT)
    with pytest.raises(msgspec.ValidationError):
        decoded(api.ProductDraft, DRAFT | change)


def test_a_description_may_hold_anything() -> None:
    """SQL, a NUL, an emoji: it is text."""
    text = "Robert'); DROP TABLE products;-- \x00 🙂"
    assert decoded(api.ProductDraft, DRAFT | {"description": text}).description == text


@pytest.mark.parametrize("change", [0, 10**7, -(10**7), 1.5, "1"])
def test_a_movement_of_nothing_or_of_too_much_is_refused(change: object) -> None:
    """And so is one without a reason."""
    with pytest.raises(msgspec.ValidationError):
        decoded(api.StockChange, {"change": change, "reason": "counted"})
    with pytest.raises(msgspec.ValidationError):
        decoded(api.StockChange, {"change": 1, "reason": ""})


def test_an_image_has_a_bound() -> None:
    """512 KiB once decoded."""
    fits, too_big = (base64.b64encode(b"x" * size).decode() for size in (api.MAX_IMAGE_BYTES, api.MAX_IMAGE_BYTES + 1))
    assert len(decoded(api.ImageUpload, {"content_type": "image/png", "content": fits}).content) == api.MAX_IMAGE_BYTES
    with pytest.raises(msgspec.ValidationError):
        decoded(api.ImageUpload, {"content_type": "image/png", "content": too_big})
    with pytest.raises(msgspec.ValidationError):
        decoded(api.ImageUpload, {"content_type": "image/svg+xml", "content": fits})


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (PNG, "image/png", True),
        (b"\xff\xd8\xff\xe0", "image/jpeg", True),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", True),
        (PNG, "image/jpeg", False),
        (b"RIFF\x00\x00\x00\x00WAVE", "image/webp", False),
        (b"<script>", "image/png", False),
        (b"", "image/png", False),
        (PNG, "text/html", False),
    ],
)
def test_an_image_is_what_its_first_bytes_say(content: bytes, content_type: str, expected: bool) -> None:
    """Not what its sender says."""
    assert is_of_type(content, content_type) is expected


def test_a_product_on_two_lines_counts_once_in_the_order_of_locks() -> None:
    """By SKU, so that two orders never wait for each other."""
    assert list(totals([Line("B", 1), Line("A", 2), Line("B", 3)]).items()) == [("A", 2), ("B", 4)]


@pytest.mark.parametrize("quantity", [0, -1, 1000, 1.5, "1", True])
def test_a_quantity_is_from_1_to_999(quantity: object) -> None:
    """In the caller's basket and in a guest's."""
    for kind, document in (
        (ItemQuantity, {"quantity": quantity}),
        (GuestBasket, {"lines": [{"sku": "A", "quantity": quantity}]}),
    ):
        with pytest.raises(msgspec.ValidationError):
            decoded(kind, document)


def test_a_guests_basket_has_a_hundred_lines_at_most() -> None:
    """As the basket it is merged into."""
    lines = [{"sku": f"A-{number}", "quantity": 1} for number in range(101)]
    decoded(GuestBasket, {"lines": lines[:100]})
    with pytest.raises(msgspec.ValidationError):
        decoded(GuestBasket, {"lines": lines})


def test_a_basket_has_a_name_before_it_is_there() -> None:
    """The same for the same user, another for another; its version counts from nothing."""
    assert basket_id_of("u1") == basket_id_of("u1") != basket_id_of("u2")
    assert (empty("b").version, empty("b").lines, empty("b").total_cents) == (0, (), 0)


def test_a_basket_adds_up() -> None:
    """Quantities times prices, in cents."""
    assert priced("b", 1, (PricedLine("A", "a", 3, 199), PricedLine("B", "b", 1, 5))).total_cents == 602
