"""Whom and what a crowd of shoppers is made of: accounts, goods, and where each shopper seems to come from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sim.load.arrivals import Visit


@dataclass(frozen=True, slots=True)
class Customer:
    """An account that is signed in. ``address_id`` is where they have things sent."""

    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    address_id: str = ""


@dataclass(frozen=True, slots=True)
class Goods:
    """What the catalogue shows: SKUs, category slugs, words that find something."""

    skus: tuple[str, ...]
    categories: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class People:
    """``storage`` maps hosts of signed URLs (``host:port``) to where they are reached from here."""

    goods: Goods
    customers: tuple[Customer, ...]
    storage: Mapping[str, str] = field(default_factory=dict)

    def memory(self, visit: Visit, rng: random.Random, mark: str) -> dict[str, Any]:
        """What a shopper knows when they come in."""
        goods = self.goods
        known: dict[str, Any] = {
            "mark": f"load-{mark}-{visit.number}",
            "sku": popular(goods.skus, rng),
            "other_sku": popular(goods.skus, rng),
            "category": rng.choice(goods.categories or ("none",)),
            "word": quote(rng.choice(goods.words or ("none",)), safe=""),
        }
        if visit.customer >= 0:
            customer = self.customers[visit.customer % len(self.customers)]
            known |= {"email": customer.email, "password": customer.password, "address_id": customer.address_id}
        return known

    @classmethod
    def nobody(cls) -> People:
        return cls(Goods((), (), ()), ())

    def share(self, number: int, of: int) -> People:
        """One worker's part: no account is used by two."""
        return People(self.goods, self.customers[number::of], self.storage)

    def document(self) -> dict[str, Any]:
        return {
            "goods": {"skus": self.goods.skus, "categories": self.goods.categories, "words": self.goods.words},
            "customers": [[c.email, c.password, c.token, c.address_id] for c in self.customers],
            "storage": dict(self.storage),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> People:
        goods = document["goods"]
        return cls(
            Goods(tuple(goods["skus"]), tuple(goods["categories"]), tuple(goods["words"])),
            tuple(Customer(*entry) for entry in document["customers"]),
            dict(document["storage"]),
        )


def popular(choices: Sequence[str], rng: random.Random) -> str:
    """One of them by Zipf's law: the second best seller sells about half as much as the best."""
    if not choices:
        return "none"
    rank = int((len(choices) + 1) ** rng.random())
    return choices[min(rank, len(choices)) - 1]


def client_address(visit: int, offset: int) -> str:
    """Where a shopper seems to come from: of the range for benchmarks (RFC 2544), nobody's, and another for each."""
    host = (visit * 7919 + offset * 104_729) % (2**17 - 2) + 1
    return f"198.{18 + (host >> 16)}.{host >> 8 & 255}.{host & 255}"
