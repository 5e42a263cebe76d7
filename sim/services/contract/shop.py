"""Routes services call on each other over the broker, and what they carry; each stands in its service's own table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sim.services.contract.events import Line, PostalAddress, PricedLine
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route
from sim.services.contract.text import END

Sku = Annotated[str, Meta(pattern="^[A-Z0-9][A-Z0-9-]{0,39}" + END, description="stock keeping unit")]
Identifier = Annotated[str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" + END)]
Quantity = Annotated[int, Meta(ge=1, le=999)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}" + END, description="ISO 4217")]


class Product(msgspec.Struct, frozen=True):
    """``available`` is what can still be reserved; ``images`` are URLs in the public bucket.

    ``version`` counts the changes of everything but stock: a change that names it is refused when it is out of date.
    """

    sku: str
    name: str
    description: str
    category: str
    unit_price_cents: int
    currency: str
    available: int
    on_sale: bool
    images: tuple[str, ...]
    version: int = 0


class ReserveStock(msgspec.Struct, frozen=True):
    """The same ``reservation_id`` again answers the same reservation."""

    reservation_id: Identifier
    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=100)]
    keep_s: Annotated[int, Meta(ge=1, le=86_400)] = 900


class Reservation(msgspec.Struct, frozen=True):
    """Stock held until ``expires_at`` (ISO 8601, UTC), priced as it was when reserved."""

    reservation_id: str
    lines: tuple[PricedLine, ...]
    currency: str
    expires_at: str


class Basket(msgspec.Struct, frozen=True):
    """``version`` counts its changes, so that an order clears exactly what it bought."""

    basket_id: str
    version: int
    lines: tuple[PricedLine, ...]
    total_cents: int
    currency: str


class Address(msgspec.Struct, frozen=True):
    address_id: str
    address: PostalAddress
    default: bool


SHOW_PRODUCT: Final = Route("products.show", "GET", "/{sku}", "One product", PUBLIC, answers=Product, problems=(404,))
RESERVE_STOCK: Final = Route(
    "products.reserve",
    "POST",
    "/reservations",
    "Hold stock for an order; 409 lists the shortages, all or nothing",
    INTERNAL,
    takes=ReserveStock,
    answers=Reservation,
    status=201,
    problems=(409,),
)
RELEASE_STOCK: Final = Route(
    "products.release",
    "DELETE",
    "/reservations/{reservation_id}",
    "Give held stock back; nothing to give back is as good",
    INTERNAL,
    status=204,
)
SHOW_BASKET: Final = Route(
    "baskets.show", "GET", "/current", "The caller's basket, empty when there is none yet", SIGNED_IN, answers=Basket
)
SHOW_ADDRESS: Final = Route(
    "addresses.show",
    "GET",
    "/{address_id}",
    "One of the caller's addresses",
    SIGNED_IN,
    answers=Address,
    problems=(404,),
)

ASKS: Final[Mapping[str, tuple[Route, ...]]] = {
    "baskets": (SHOW_PRODUCT,),
    "orders": (SHOW_BASKET, SHOW_ADDRESS, RESERVE_STOCK, RELEASE_STOCK),
}
"""Service key → whom it asks: nobody else has the right to publish requests."""
