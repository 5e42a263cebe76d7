"""Routes and bodies of the shopping basket."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sim.services.contract.route import SIGNED_IN, Route
from sim.services.contract.shop import SHOW_BASKET, Basket, Quantity, Sku

MAX_LINES: Final = 100
MAX_QUANTITY: Final = 999


class ItemQuantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many there shall be, not how many more."""

    quantity: Quantity


class GuestLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    quantity: Quantity


class GuestBasket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody collected before they signed in."""

    lines: Annotated[tuple[GuestLine, ...], Meta(max_length=MAX_LINES)]


class LeftOut(msgspec.Struct, frozen=True):
    """``reason`` is ``unknown``, ``off-sale``, ``sold-out`` or ``basket-full``."""

    sku: str
    reason: str


class Merged(msgspec.Struct, frozen=True):
    """``left_out`` are the guest's lines that could not be taken over."""

    basket: Basket
    left_out: tuple[LeftOut, ...]


PUT_ITEM: Final = Route(
    "baskets.put-item",
    "PUT",
    "/current/items/{sku}",
    "Have so many of a product; 409 when it is not sold or there are not as many",
    SIGNED_IN,
    answers=Basket,
    takes=ItemQuantity,
    problems=(409,),
)
DELETE_ITEM: Final = Route(
    "baskets.delete-item",
    "DELETE",
    "/current/items/{sku}",
    "Take a product out; one that is not in it is as good",
    SIGNED_IN,
    answers=Basket,
)
EMPTY: Final = Route("baskets.empty", "DELETE", "/current", "Take everything out", SIGNED_IN, status=204)
MERGE: Final = Route(
    "baskets.merge",
    "POST",
    "/current/merge",
    "Add a guest's basket to the caller's",
    SIGNED_IN,
    answers=Merged,
    takes=GuestBasket,
)

ROUTES: Final = (SHOW_BASKET, PUT_ITEM, DELETE_ITEM, EMPTY, MERGE)
