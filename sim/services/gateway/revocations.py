"""Access tokens revoked before they expire: auth broadcasts each, and every gateway pod remembers it until then."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from sim.services.contract.events import SessionRevoked


class Revocations:
    """At most ``most`` of them: beyond, the one that expires first is forgotten, which does the least harm.

    ``now_s`` tells Unix seconds.
    """

    def __init__(self, now_s: Callable[[], float], most: int = 100_000) -> None:
        self._now_s = now_s
        self._most = most
        self._expiries: dict[str, float] = {}
        self._by_expiry: list[tuple[float, str]] = []
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._expiries)

    def __contains__(self, token_id: str) -> bool:
        return token_id in self._expiries

    def add(self, revoked: SessionRevoked) -> None:
        """The same again changes nothing, nor does one that has expired."""
        now_s = self._now_s()
        self._prune(now_s)
        if revoked.expires_at_s <= now_s or revoked.token_id in self._expiries:
            return
        self._expiries[revoked.token_id] = revoked.expires_at_s
        heapq.heappush(self._by_expiry, (revoked.expires_at_s, revoked.token_id))
        if len(self._expiries) > self._most:
            self._drop_first()
            self.forgotten += 1

    def _prune(self, now_s: float) -> None:
        while self._by_expiry and self._by_expiry[0][0] <= now_s:
            self._drop_first()

    def _drop_first(self) -> None:
        _, token_id = heapq.heappop(self._by_expiry)
        del self._expiries[token_id]
