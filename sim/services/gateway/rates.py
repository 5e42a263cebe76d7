"""A token bucket a client: so many at once, so many a second after that."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sim.services.gateway.refusals import Header


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at_s: float


@dataclass(frozen=True, slots=True)
class Take:
    """``remaining`` requests are left; the bucket is full again after ``reset_s``."""

    granted: bool
    remaining: int
    reset_s: float
    retry_after_s: float


class RateLimit:
    """``rate_per_s`` 0 is no limit. ``now_s`` is monotonic. At most ``most_clients`` buckets, least recently used last.

    A bucket that was left alone long enough is full, as a new one is: forgetting it changes nothing.
    """

    def __init__(self, rate_per_s: float, burst: int, now_s: Callable[[], float], most_clients: int = 50_000) -> None:
        self._rate_per_s = rate_per_s
        self._burst = max(burst, 1)
        self._now_s = now_s
        self._most_clients = most_clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        window_s = math.ceil(self._burst / rate_per_s) if rate_per_s else 0
        self._policy = f"{self._burst};w={window_s}".encode()
        self._limit = str(self._burst).encode()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str) -> Take | None:
        """None where there is no limit."""
        if not self._rate_per_s:
            return None
        now_s = self._now_s()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(self._burst, now_s)
            if len(self._buckets) > self._most_clients:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(client)
            gained = max(0.0, now_s - bucket.filled_at_s) * self._rate_per_s
            bucket.tokens = min(float(self._burst), bucket.tokens + gained)
            bucket.filled_at_s = now_s
        granted = bucket.tokens >= 1
        if granted:
            bucket.tokens -= 1
        missing = max(0.0, 1 - bucket.tokens)
        return Take(
            granted=granted,
            remaining=int(bucket.tokens),
            reset_s=(self._burst - bucket.tokens) / self._rate_per_s,
            retry_after_s=missing / self._rate_per_s,
        )

    def headers(self, take: Take) -> tuple[Header, ...]:
        """As in draft-ietf-httpapi-ratelimit-headers-06."""
        return (
            (b"ratelimit-policy", self._policy),
            (b"ratelimit-limit", self._limit),
            (b"ratelimit-remaining", str(take.remaining).encode()),
            (b"ratelimit-reset", str(math.ceil(take.reset_s)).encode()),
        )
