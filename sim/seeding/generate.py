"""A shop from a seed. Pure: more products of the same seed are the same ones, and some more."""

from __future__ import annotations

import unicodedata
from random import Random
from typing import Final

from sim.seeding.pages import QUESTIONS, SITES, TEMPLATES
from sim.seeding.pictures import picture
from sim.seeding.shop import Category, Customer, Product, Shop
from sim.seeding.words import Shelf, Words, vocabulary

MOST_PRODUCTS: Final = 2000
_CUSTOMERS: Final = 5
_TAG_ALPHABET: Final = "23456789BCDFGHJKMNPQRTVWXYZ"
_PRICE_ENDINGS_CENTS: Final = (0, 50, 90, 95)


def generate(seed: int, products: int) -> Shop:
    """``products`` of all categories in turn, so that even a few make a catalogue."""
    tag = "".join(_random(seed, "tag").choices(_TAG_ALPHABET, k=4))
    words = vocabulary()
    shelves = words.shelves
    names: set[str] = set()
    return Shop(
        seed=seed,
        categories=tuple(Category(shelf.slug, shelf.name) for shelf in shelves),
        products=tuple(
            _product(
                _random(seed, f"product {index}"), words, shelves[index % len(shelves)], f"{tag}-{index:04d}", names
            )
            for index in range(products)
        ),
        questions=QUESTIONS,
        templates=TEMPLATES,
        sites=SITES,
        customers=_customers(_random(seed, "customers"), words),
    )


def _random(seed: int, purpose: str) -> Random:
    """One of its own for each purpose, so that more of one thing leaves the others as they are."""
    return Random(f"{seed}: {purpose}")  # noqa: S311 - a believable shop, no secret


def _product(random: Random, words: Words, shelf: Shelf, number: str, names: set[str]) -> Product:
    thing = random.choice(shelf.things)
    material = random.choice(thing.materials)
    name = f"{random.choice(words.styles)} {thing.noun}"
    if name in names:
        name = f"{name}, {material}"
    if name in names:
        name = f"{name} {number}"
    names.add(name)
    quality = random.choice(words.qualities)
    article = "an" if thing.noun[0] in "aeiou" else "a"
    least, most = thing.euros
    return Product(
        sku=f"{shelf.prefix}-{number}",
        name=name,
        description=f"{quality}: {article} {thing.noun} in {material}. {random.choice(shelf.uses)}",
        category=shelf.slug,
        unit_price_cents=random.randint(least, most) * 100 - 100 + random.choice(_PRICE_ENDINGS_CENTS),
        stock=_stock(random),
        image=picture(random, shelf.hue),
    )


def _stock(random: Random) -> int:
    """Most are there, some are few, and now and then one is sold out."""
    kind = random.random()
    if kind < 0.05:
        return 0
    return random.randint(1, 5) if kind < 0.2 else random.randint(20, 250)


def _customers(random: Random, words: Words) -> tuple[Customer, ...]:
    firsts = random.sample(words.first_names, _CUSTOMERS)
    lasts = random.sample(words.last_names, _CUSTOMERS)
    return tuple(
        Customer(
            name=f"{first} {last}",
            email=f"{_ascii(first)}.{_ascii(last)}@example.com",
            addresses=tuple(random.sample(words.addresses, random.randint(1, 2))),
        )
        for first, last in zip(firsts, lasts, strict=True)
    )


def _ascii(name: str) -> str:
    """``Le Gall`` → ``le-gall``, ``Inès`` → ``ines``: what a mailbox is called."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "-")
