"""Where the entries of a ledger are put, one by one, and found again: rows, objects, cache entries.

An entry is made of two halves, so that one that is only half there shows. Nothing raises for silence while writing:
in the middle of a fault that is what is observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sim.servers.messaging_protocol import Settled


class Shelf(Protocol):
    """One client's view of the shelf, reconnecting by itself; one thread owns it."""

    def write(self, id: str) -> Settled:  # noqa: A002 - the entry's name
        """Put one entry and wait for the server's word. OK: it said so. UNSURE: sent, and then no answer came."""
        ...

    def begin(self, id: str) -> bool:  # noqa: A002 - the entry's name
        """Put one entry and leave it unfinished (no commit, not all parts) until :meth:`close`; whether that worked."""
        ...

    def inventory(self) -> Mapping[str, bool]:
        """Every entry there is, and whether it is whole. Raises Unreachable or Refused."""
        ...

    def clear(self) -> None:
        """Take the shelf away with all that is on it. Raises Unreachable or Refused."""
        ...

    def close(self) -> None: ...
