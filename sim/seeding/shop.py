"""A seeded shop as data: the same seed gives the same, to the last byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Product:
    """``stock`` is what is received at the opening, which may be nothing; ``image`` is a PNG."""

    sku: str
    name: str
    description: str
    category: str
    unit_price_cents: int
    stock: int
    image: bytes


@dataclass(frozen=True, slots=True)
class Question:
    slug: str
    category: str
    question: str
    answer: str
    position: int


@dataclass(frozen=True, slots=True)
class Template:
    name: str
    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Site:
    code: str
    name: str
    locale: str
    host: str
    settings: Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Address:
    line1: str
    postal_code: str
    city: str
    country: str


@dataclass(frozen=True, slots=True)
class Customer:
    name: str
    email: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Shop:
    seed: int
    categories: tuple[Category, ...]
    products: tuple[Product, ...]
    questions: tuple[Question, ...]
    templates: tuple[Template, ...]
    sites: tuple[Site, ...]
    customers: tuple[Customer, ...]
