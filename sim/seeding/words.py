"""The vocabulary of the catalogue and of its customers, from ``words.yaml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from sim.seeding.shop import Address


@dataclass(frozen=True)
class Thing:
    noun: str
    euros: tuple[int, int]
    materials: tuple[str, ...]


@dataclass(frozen=True)
class Shelf:
    """One category. ``hue`` is the colour of its pictures, in degrees."""

    slug: str
    name: str
    prefix: str
    hue: int
    things: tuple[Thing, ...]
    uses: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    shelves: tuple[Shelf, ...]
    styles: tuple[str, ...]
    qualities: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    addresses: tuple[Address, ...]


@cache
def vocabulary() -> Words:
    text = files("sim.seeding").joinpath("words.yaml").read_text("utf-8")
    return TypeAdapter(Words).validate_python(yaml.safe_load(text))
