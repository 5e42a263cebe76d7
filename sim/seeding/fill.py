"""Filling a shop: what is missing is made, what is there stays as somebody left it.

So a second run changes nothing, and a run cut short is completed by the next one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

import requests

from sim.errors import BadInput
from sim.seeding.client import Shopkeeper
from sim.seeding.shop import Address, Category, Customer, Product, Question, Shop, Site, Template

_NOT_FOUND: Final = requests.codes.not_found
_CONFLICT: Final = requests.codes.conflict
_IMAGE: Final = "front.png"
_OPENING: Final = "opening stock"
_PAGE: Final = 100

Progress = Callable[[str, int, int], None]
"""Told what is being filled, how many are done, of how many."""


@dataclass(slots=True)
class Outcome:
    """How many of what were ``made``, and how many were ``there``. ``strangers`` are customers with other passwords."""

    made: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    customers: list[dict[str, str]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.made.total() > 0

    def count(self, what: str, *, made: bool) -> None:
        (self.made if made else self.there)[what] += 1


def fill(gateway: Shopkeeper, email: str, password: str, shop: Shop, progress: Progress) -> Outcome:
    """Fill the shop as this administrator. Raises BadInput when they cannot sign in."""
    administrator = gateway.signed_in(email, password)
    if administrator is None:
        raise BadInput(
            f"{email} cannot sign in at {gateway.url} with this password.",
            next_step="--email and SIM_ADMIN_PASSWORD of an administrator",
        )
    outcome = Outcome()
    steps = list(_steps(gateway, administrator, password, shop, outcome))
    for done, (what, step) in enumerate(steps):
        progress(what, done, len(steps))
        step()
    progress("done", len(steps), len(steps))
    return outcome


def password_of(administrator_password: str, email: str) -> str:
    """A customer's password: whoever has the administrator's can work it out again, nobody else can."""
    digest = hmac.new(administrator_password.encode(), f"seeded customer {email}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:10]).decode().lower()


def _steps(
    gateway: Shopkeeper, administrator: Shopkeeper, password: str, shop: Shop, outcome: Outcome
) -> Iterator[tuple[str, Callable[[], None]]]:
    """In an order in which each finds what it needs."""
    yield from (("categories", partial(_category, administrator, category, outcome)) for category in shop.categories)
    yield from (("products", partial(_product, administrator, product, outcome)) for product in shop.products)
    questions = _Questions(administrator)
    yield from (("questions", partial(questions.add, question, outcome)) for question in shop.questions)
    yield from (("templates", partial(_template, administrator, template, outcome)) for template in shop.templates)
    yield from (("sites", partial(_site, administrator, site, outcome)) for site in shop.sites)
    yield from (("customers", partial(_customer, gateway, password, customer, outcome)) for customer in shop.customers)


def _category(administrator: Shopkeeper, category: Category, outcome: Outcome) -> None:
    answer = administrator.call(
        "POST",
        "/api/products/categories",
        body={"slug": category.slug, "name": category.name},
        allowed=(_CONFLICT,),
    )
    outcome.count("categories", made=answer.status != _CONFLICT)


def _product(administrator: Shopkeeper, product: Product, outcome: Outcome) -> None:
    """The product, then its picture, then its stock: what can be bought is complete."""
    path = f"/api/products/{product.sku}"
    found = administrator.call("GET", path, allowed=(_NOT_FOUND,))
    missing = found.status == _NOT_FOUND
    if missing:
        found = administrator.call(
            "POST",
            "/api/products",
            body={
                "sku": product.sku,
                "name": product.name,
                "description": product.description,
                "category": product.category,
                "unit_price_cents": product.unit_price_cents,
            },
        )
    outcome.count("products", made=missing)
    without_image = not found.document["images"]
    if without_image:
        content = base64.b64encode(product.image).decode()
        administrator.call("PUT", f"{path}/images/{_IMAGE}", body={"content_type": "image/png", "content": content})
    outcome.count("images", made=without_image)
    if product.stock:
        received = not administrator.call("GET", f"{path}/stock", query={"limit": 1}).document["movements"]
        if received:
            administrator.call("POST", f"{path}/stock", body={"change": product.stock, "reason": _OPENING})
        outcome.count("stock receipts", made=received)


class _Questions:
    """The FAQ's slugs, asked for once, when the first is wanted."""

    def __init__(self, administrator: Shopkeeper) -> None:
        self._administrator = administrator
        self._slugs: set[str] | None = None

    def add(self, question: Question, outcome: Outcome) -> None:
        if self._slugs is None:
            self._slugs = {str(item["slug"]) for item in _items(self._administrator, "/api/questions")}
        missing = question.slug not in self._slugs
        if missing:
            self._administrator.call("POST", "/api/questions", body=asdict(question))
        outcome.count("questions", made=missing)


def _template(administrator: Shopkeeper, template: Template, outcome: Outcome) -> None:
    path = f"/api/newsletters/templates/{template.name}"
    missing = administrator.call("GET", path, allowed=(_NOT_FOUND,)).status == _NOT_FOUND
    if missing:
        administrator.call(
            "PUT", path, body={"subject": template.subject, "html": template.html, "text": template.text}
        )
    outcome.count("templates", made=missing)


def _site(administrator: Shopkeeper, site: Site, outcome: Outcome) -> None:
    path = f"/api/websites/{site.code}"
    missing = administrator.call("GET", path, allowed=(_NOT_FOUND,)).status == _NOT_FOUND
    if missing:
        administrator.call(
            "PUT",
            path,
            body={
                "name": site.name,
                "locale": site.locale,
                "currency": "EUR",
                "hosts": [site.host],
                "settings": dict(site.settings),
            },
        )
    outcome.count("sites", made=missing)


def _customer(gateway: Shopkeeper, administrator_password: str, customer: Customer, outcome: Outcome) -> None:
    """Registered as anybody would, with addresses of their own. One who has changed the password is left alone."""
    password = password_of(administrator_password, customer.email)
    registered = gateway.call(
        "POST",
        "/api/auth/register",
        body={"email": customer.email, "password": password, "name": customer.name},
        allowed=(_CONFLICT,),
    )
    outcome.count("customers", made=registered.status != _CONFLICT)
    signed_in = gateway.signed_in(customer.email, password)
    if signed_in is None:
        outcome.strangers.append(customer.email)
        return
    outcome.customers.append({"email": customer.email, "password": password})
    there = {item["address"]["line1"] for item in _items(signed_in, "/api/addresses")}
    for address in customer.addresses:
        if address.line1 not in there:
            signed_in.call("POST", "/api/addresses", body=_postal(customer, address))
        outcome.count("addresses", made=address.line1 not in there)


def _postal(customer: Customer, address: Address) -> dict[str, str]:
    return {"recipient": customer.name, **asdict(address)}


def _items(shopkeeper: Shopkeeper, path: str) -> Iterator[dict[str, Any]]:
    """Every item of a list, page by page."""
    query: dict[str, str | int] = {"limit": _PAGE}
    while True:
        page = shopkeeper.call("GET", path, query=query).document
        yield from page["items"]
        if not page["next"]:
            return
        query["after"] = page["next"]
