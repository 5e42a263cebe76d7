"""Slower and slower guessing: a few failures a minute an account, counted in Redis.

Each failure takes one of a handful of keys with SET NX, and each key expires by itself: the window slides and counting
needs no transaction. Attempts already under way are not counted, so the bound is exceeded by at most the handlers at
work. Without Redis nothing is throttled: signing in matters more.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sim.services.chassis.service import Cache, CacheGone
from sim.services.contract.problem import Problem

FAILURES: Final = 5
WINDOW_S: Final = 60


def wait_s(expiries_s: Sequence[float], now_s: float) -> int | None:
    """Whole seconds to wait, given when each remembered failure is forgotten; None while more may fail."""
    standing = [expiry for expiry in expiries_s if expiry > now_s]
    if len(standing) < FAILURES:
        return None
    return max(1, math.ceil(min(standing) - now_s))


@dataclass(frozen=True, slots=True)
class Throttle:
    """The failures of one account, known to exist or not: both are counted alike."""

    cache: Cache
    email: str

    @property
    def keys(self) -> tuple[str, ...]:
        digest = hashlib.sha256(self.email.encode()).hexdigest()
        return tuple(f"login-failure:{digest}:{number}" for number in range(FAILURES))

    def check(self, now_s: float) -> None:
        """Problem 429 when too many have failed."""
        expiries_s: list[float] = []
        with suppress(CacheGone):
            for key in self.keys:
                value = self.cache.get(key)
                if value is None:
                    return
                expiries_s.append(float(value))
        wait = wait_s(expiries_s, now_s)
        if wait is not None:
            raise Problem(429, "Too many failed attempts to sign in. Wait, then try again.", retry_after_s=wait)

    def failed(self, now_s: float) -> None:
        with suppress(CacheGone):
            for key in self.keys:
                if self.cache.add(key, str(now_s + WINDOW_S), WINDOW_S):
                    return

    def forget(self) -> None:
        with suppress(CacheGone):
            self.cache.delete(*self.keys)
