"""One request and what is known of it so far: for its answer, its log line and its metrics."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

from sim.services.chassis.tracing import Trace, continue_trace
from sim.services.gateway.metrics import UNROUTED
from sim.services.gateway.refusals import Header

_WANTED: Final = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"expect",
        b"idempotency-key",
        b"traceparent",
        b"transfer-encoding",
        b"x-forwarded-for",
        b"x-request-id",
    }
)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass(slots=True)
class Exchange:
    """``headers`` are those the gateway reads, each with all its values; the others go no further.

    ``extra`` are headers any answer to this request carries. ``reason`` is why the gateway refused it, if it did.
    """

    scope: MutableMapping[str, Any]
    started_s: float
    headers: dict[bytes, list[bytes]]
    trace: Trace
    request_id: str
    service: str = UNROUTED
    route: str = UNROUTED
    client: str = ""
    user_id: str = ""
    reason: str = ""
    extra: list[Header] = field(default_factory=list)

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """For logs and problems: as it came, cut where nobody would read on."""
        raw: bytes = self.scope["raw_path"]
        return raw[:500].decode("ascii", "replace")

    def header(self, name: bytes) -> bytes | None:
        """The first of its values."""
        values = self.headers.get(name)
        return values[0] if values else None

    @property
    def has_body(self) -> bool:
        return b"transfer-encoding" in self.headers or self.header(b"content-length") not in {None, b"0"}


def begin(scope: MutableMapping[str, Any], started_s: float) -> Exchange:
    """Continue the caller's trace, keep their request id when it is one."""
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        if name in _WANTED:
            headers.setdefault(name, []).append(value)
    traceparent = headers.get(b"traceparent")
    # W3C: several are as good as none.
    trace = continue_trace(traceparent[0].decode("latin-1") if traceparent and len(traceparent) == 1 else None)
    given = headers.get(b"x-request-id")
    request_id = given[0].decode("ascii") if given and _REQUEST_ID.fullmatch(given[0]) else token_hex(16)
    return Exchange(scope, started_s, headers, trace, request_id)
