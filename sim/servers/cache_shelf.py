"""Cache entries as a ledger's: each key holds its own name twice, so that half of one shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.errors import Refused, SimError
from sim.history import Outcome
from sim.servers.messaging_protocol import Settled


class CacheShelf:
    """Implements :class:`sim.servers.shelf.Shelf`. ``ask`` runs one thing over a connection and maps its errors."""

    def __init__(self, prefix: str, ask: Callable[[Callable[[Any], Any]], Any]) -> None:
        self._prefix = prefix
        self._ask = ask

    def write(self, id: str) -> Settled:  # noqa: A002 - the entry's name
        try:
            self._ask(lambda client: client.set(f"{self._prefix}{id}", f"{id}{id}"))
        except Refused as refusal:
            return Settled(id, Outcome.FAILED, f"{refusal.what} {refusal.evidence}")
        except SimError as error:
            return Settled(id, Outcome.UNSURE, f"{error.what} {error.evidence}")
        return Settled(id, Outcome.OK)

    def begin(self, id: str) -> bool:  # noqa: A002, ARG002 - the entry's name; a SET has no half-way
        return False

    def inventory(self) -> Mapping[str, bool]:
        keys = self._keys()
        values = self._ask(lambda client: client.mget(keys)) if keys else []
        found = zip((key.removeprefix(self._prefix) for key in keys), values, strict=True)
        return {entry: value == f"{entry}{entry}" for entry, value in found if value is not None}

    def clear(self) -> None:
        keys = self._keys()
        if keys:
            self._ask(lambda client: client.delete(*keys))

    def close(self) -> None:
        """Each command has a connection of its own."""

    def _keys(self) -> list[str]:
        return sorted(self._ask(lambda client: list(client.scan_iter(f"{self._prefix}*", count=1000))))
