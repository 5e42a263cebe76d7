"""Routes and bodies of the catalogue and the inventory."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.services.contract.route import PUBLIC, Route
from sim.services.contract.shop import RELEASE_STOCK, RESERVE_STOCK, SHOW_PRODUCT, Product, Sku
from sim.services.contract.text import END, SINGLE_LINE

MAX_IMAGE_BYTES: Final = 512 * 1024
MAX_IMAGES: Final = 12

Slug = Annotated[str, Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*" + END, max_length=60, description="category")]
Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=SINGLE_LINE)]
Description = Annotated[str, Meta(max_length=4000)]
PriceCents = Annotated[int, Meta(ge=0, le=100_000_000)]
Limit = Annotated[int, Meta(ge=1, le=100)]
Cursor = Annotated[str, Meta(max_length=600)]

_SKU = re.compile(r"[A-Z0-9][A-Z0-9-]{0,39}")


def is_sku(text: str) -> bool:
    """Whether the contract's pattern allows it: for paths, which no schema guards."""
    return _SKU.fullmatch(text) is not None


class CatalogueQuery(msgspec.Struct, frozen=True):
    """``q`` are words of the name and the description, each of which may be the beginning of one.

    ``off_sale`` shows what is no longer sold, too, to whoever may change it.
    """

    q: Annotated[str, Meta(max_length=100)] = ""
    category: Annotated[str, Meta(max_length=60)] = ""
    min_price_cents: PriceCents | None = None
    max_price_cents: PriceCents | None = None
    in_stock: bool = False
    off_sale: bool = False
    sort: Literal["newest", "name", "price", "-price"] = "newest"
    limit: Limit = 20
    after: Cursor = ""


class ProductSummary(msgspec.Struct, frozen=True):
    """``image`` is the first one's URL."""

    sku: str
    name: str
    category: str
    unit_price_cents: int
    currency: str
    in_stock: bool
    on_sale: bool
    image: str | None


class ProductList(msgspec.Struct, frozen=True):
    items: tuple[ProductSummary, ...]
    next: str | None


class CategoryDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    slug: Slug
    name: Name


class Category(msgspec.Struct, frozen=True):
    """``products`` counts those on sale."""

    slug: str
    name: str
    products: int


class CategoryQuery(msgspec.Struct, frozen=True):
    limit: Limit = 100
    after: Cursor = ""


class CategoryList(msgspec.Struct, frozen=True):
    items: tuple[Category, ...]
    next: str | None


class ProductDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product comes with no stock: that is received, and so accounted for."""

    sku: Sku
    name: Name
    category: Slug
    unit_price_cents: PriceCents
    description: Description = ""
    currency: Literal["EUR"] = "EUR"
    on_sale: bool = True


class ProductChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. With ``version``, 409 when somebody else changed the product since it was read."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    category: Slug | UnsetType = UNSET
    unit_price_cents: PriceCents | UnsetType = UNSET
    on_sale: bool | UnsetType = UNSET
    version: Annotated[int, Meta(ge=0, le=2_147_483_647)] | UnsetType = UNSET


class StockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Positive when goods come in, negative when they are lost."""

    change: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    reason: Annotated[str, Meta(min_length=1, max_length=200, pattern=SINGLE_LINE)]

    def __post_init__(self) -> None:
        if self.change == 0:
            raise ValueError("A change of nothing is none.")


class StockQuery(msgspec.Struct, frozen=True):
    limit: Limit = 20
    after: Cursor = ""


class StockMovement(msgspec.Struct, frozen=True):
    """``reference`` is the order's id, or the user's who adjusted."""

    quantity: int
    kind: str
    reason: str
    reference: str
    moved_at: str


class StockLevel(msgspec.Struct, frozen=True):
    sku: str
    on_hand: int
    reserved: int
    available: int


class StockCard(msgspec.Struct, frozen=True):
    """``movements`` are the latest first; ``next`` leads to older ones."""

    sku: str
    on_hand: int
    reserved: int
    available: int
    movements: tuple[StockMovement, ...]
    next: str | None


class ImageUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``content`` in base64; its first bytes must be those of its type."""

    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_IMAGE_BYTES)]


class Image(msgspec.Struct, frozen=True):
    name: str
    url: str
    content_type: str
    size_bytes: int


LIST: Final = Route(
    "products.list",
    "GET",
    "",
    "The catalogue, searched and sorted; 403 for what is off sale without products.write",
    PUBLIC,
    answers=ProductList,
    query=CatalogueQuery,
    problems=(403,),
)
CATEGORIES: Final = Route(
    "products.categories", "GET", "/categories", "Categories", PUBLIC, answers=CategoryList, query=CategoryQuery
)
CREATE_CATEGORY: Final = Route(
    "products.create-category",
    "POST",
    "/categories",
    "Add a category",
    "products.write",
    answers=Category,
    takes=CategoryDraft,
    status=201,
    problems=(409,),
)
CREATE: Final = Route(
    "products.create",
    "POST",
    "",
    "Add a product; 409 when its SKU is taken",
    "products.write",
    answers=Product,
    takes=ProductDraft,
    status=201,
    problems=(409,),
)
CHANGE: Final = Route(
    "products.change",
    "PATCH",
    "/{sku}",
    "Change name, price and what else is named",
    "products.write",
    answers=Product,
    takes=ProductChange,
    problems=(409,),
)
WITHDRAW: Final = Route(
    "products.withdraw",
    "DELETE",
    "/{sku}",
    "Take off sale; kept for the orders that name it",
    "products.write",
    status=204,
)
SHOW_STOCK: Final = Route(
    "products.show-stock",
    "GET",
    "/{sku}/stock",
    "What is on hand, what is reserved, and how it came about",
    "inventory.write",
    answers=StockCard,
    query=StockQuery,
)
ADJUST_STOCK: Final = Route(
    "products.adjust-stock",
    "POST",
    "/{sku}/stock",
    "Receive or correct stock; 409 below what is reserved",
    "inventory.write",
    answers=StockLevel,
    takes=StockChange,
    problems=(409,),
)
PUT_IMAGE: Final = Route(
    "products.put-image",
    "PUT",
    "/{sku}/images/{name}",
    "Add or replace an image",
    "products.write",
    answers=Image,
    takes=ImageUpload,
    problems=(409,),
)
DELETE_IMAGE: Final = Route(
    "products.delete-image", "DELETE", "/{sku}/images/{name}", "Remove an image", "products.write", status=204
)

ROUTES: Final = (
    LIST,
    CATEGORIES,
    CREATE_CATEGORY,
    CREATE,
    SHOW_PRODUCT,
    CHANGE,
    WITHDRAW,
    SHOW_STOCK,
    ADJUST_STOCK,
    PUT_IMAGE,
    DELETE_IMAGE,
    RESERVE_STOCK,
    RELEASE_STOCK,
)
