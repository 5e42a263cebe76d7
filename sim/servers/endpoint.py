"""Where a client finds a server, and how it runs a command inside one: the two things a runtime lends to clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address that can be dialled from here."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class EndpointLookup(Protocol):
    """(server's name, port's name) → address. Asked anew for each connection: a restart may move a published port."""

    def __call__(self, server: str, port: str, /) -> Endpoint: ...


class Exec(Protocol):
    """Run ``argv`` inside ``server``'s container with ``environment`` added; (exit code, output of both streams)."""

    def __call__(self, server: str, argv: Sequence[str], environment: Mapping[str, str], /) -> tuple[int, str]: ...
