"""What Redis keeps of baskets: whole contents, each under a name that means these contents and no others.

The name is made of the basket's version and the moment of the change, both read from the database each time. So a copy
is never wrong: a change makes a new name, and who still writes the old one writes what nobody asks for. What Redis
saves is reading and encoding the lines; what it cannot do is answer for a database that is gone. Nobody has to delete
anything when Redis is away, or when it comes back with what it knew before.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec

from sim.services.baskets.contents import State
from sim.services.chassis.service import Cache, CacheGone
from sim.services.contract.shop import Basket

_LIFE_S: Final = 3600


def find(cache: Cache, basket_id: str, version: int, changed_at: datetime) -> bytes | None:
    """The basket as JSON; None when Redis has no copy, or is gone."""
    with suppress(CacheGone):
        return cache.get(_name(basket_id, version, changed_at))
    return None


def keep(cache: Cache, state: State) -> bytes:
    """The basket as JSON, kept after the commit for whoever reads it next."""
    basket: Basket = state.basket
    body = msgspec.json.encode(basket)
    if state.changed_at is not None:
        with suppress(CacheGone):
            cache.set(_name(basket.basket_id, basket.version, state.changed_at), body, _LIFE_S)
    return body


def _name(basket_id: str, version: int, changed_at: datetime) -> str:
    return f"basket:{basket_id}:{version}:{changed_at:%Y%m%dT%H%M%S.%f}"
