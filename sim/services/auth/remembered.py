"""Sessions in Redis: the account behind an access token, for a minute, so that most requests spare the database."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import msgspec

from sim.services.auth.api import Account
from sim.services.chassis.service import Cache, CacheGone

KEPT_S: Final = 60
"""A change that Redis did not hear of (it was away) shows after this long."""


def _key(token_id: str) -> str:
    return f"session:{token_id}"


def remember(cache: Cache, token_id: str, account: Account) -> None:
    with suppress(CacheGone):
        cache.set(_key(token_id), msgspec.json.encode(account), KEPT_S)


def recall(cache: Cache, token_id: str) -> Account | None:
    with suppress(CacheGone, msgspec.MsgspecError):
        if (value := cache.get(_key(token_id))) is not None:
            return msgspec.json.decode(value, type=Account)
    return None


def forget(cache: Cache, token_ids: Iterable[str]) -> None:
    with suppress(CacheGone):
        if keys := [_key(token_id) for token_id in token_ids]:
            cache.delete(*keys)
