"""What a scenario may ask over HTTP: the gateway as a shopper uses it, and each service's health and metrics.

Nothing here raises for silence: an answer that never came is a reply with status 0, because in the middle of a fault
that is what is observed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sim.history import Outcome

HealthKind = Literal["", "live", "ready"]
"""The documented path itself, and the two below it."""

SILENCE = 0
"""The status of a reply that never came."""

# Answered, and surely nothing was done: the gateway refused before asking anybody.
_PLANNED = 501


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer. ``status`` 0: none came, and ``message`` says why. Header names are lower case."""

    status: int
    latency_s: float
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    message: str = ""

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def answered(self) -> bool:
        return self.status != SILENCE

    @property
    def outcome(self) -> Outcome:
        """OK for 2xx; FAILED when it surely did not happen; UNSURE for silence and for a server's own trouble (5xx).

        A 503 or 504 may come after the work was done: who asked cannot tell.
        """
        if self.accepted:
            return Outcome.OK
        if 300 <= self.status < 500 or self.status == _PLANNED:
            return Outcome.FAILED
        return Outcome.UNSURE

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def document(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class HttpGateway(Protocol):
    """The API gateway. Any number of threads may use one at once."""

    name: str

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> HttpReply:
        """``path`` with its query, from the root (``/api/products?limit=5``). ``token`` goes as a bearer."""
        ...

    def follow(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str = "", timeout_s: float = 10.0
    ) -> HttpReply:
        """A URL that the platform handed out (a pre-signed one). It names a server of the pod network.

        It is dialled at the address where that server is published, and sent as it is: the signature covers the host.
        """
        ...

    def url(self) -> str:
        """``http://host:port`` for a generator in a process of its own; empty when the gateway lives in this one."""
        ...


class ServiceEndpoint(Protocol):
    """What one pod of a service, or of the gateway, tells its operator."""

    name: str

    def health(self, kind: HealthKind = "") -> HttpReply: ...
    def metrics(self) -> HttpReply: ...
