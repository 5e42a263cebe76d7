"""What of the catalogue Redis may answer, and how it never answers what has been changed since.

A change marks, just before its commit, what it is about to make stale: the product's key, and the generation that every
list's key contains. The mark is an empty value that stays for longer than a commit takes. Whoever finds it reads the
database and leaves the cache alone; whoever read the database before the mark was set cannot overwrite it, for a copy
is only ever added where there is nothing. So no copy outlives the commit that contradicts it. A change that cannot
reach Redis leaves copies that others may still find there: they expire by themselves soon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final
from uuid import uuid4

from sim.services.chassis.service import Cache, CacheGone

COPY_LIFE_S: Final = 60
"""How long a copy may be found when its change could not be announced."""
_MARK_LIFE_S: Final = 10
_GENERATION_LIFE_S: Final = 3600
_GENERATION: Final = "generation"
_MARK: Final = b""


def product(cache: Cache, sku: str, load: Callable[[], bytes]) -> bytes:
    """The product as JSON, from Redis or from ``load``."""
    key = f"product:{sku}"
    try:
        found = cache.get(key)
    except CacheGone:
        return load()
    if found:
        return found
    body = load()
    if found is None:
        with suppress(CacheGone):
            cache.add(key, body, COPY_LIFE_S)
    return body


def listing(cache: Cache, question: bytes, load: Callable[[], bytes]) -> bytes:
    """The answer to a list's question as JSON, from Redis or from ``load``."""
    try:
        generation = cache.get(_GENERATION)
        if generation is None:
            cache.add(_GENERATION, uuid4().hex, _GENERATION_LIFE_S)
            generation = cache.get(_GENERATION)
        if not generation:
            return load()
        key = f"list:{generation.decode()}:{hashlib.sha256(question).hexdigest()}"
        found = cache.get(key)
    except CacheGone:
        return load()
    if found:
        return found
    body = load()
    with suppress(CacheGone):
        cache.set(key, body, COPY_LIFE_S)
    return body


def outdate(cache: Cache, skus: Iterable[str], *, lists: bool) -> None:
    """Say that a commit is about to change these products; ``lists``, that it can be seen in lists, too."""
    with suppress(CacheGone):
        for sku in skus:
            cache.set(f"product:{sku}", _MARK, _MARK_LIFE_S)
        if lists:
            cache.set(_GENERATION, _MARK, _MARK_LIFE_S)
