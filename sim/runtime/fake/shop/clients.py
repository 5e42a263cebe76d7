"""The clients of the shop in memory: behind the same protocols as those that speak HTTP."""

from __future__ import annotations

import json as text
import re
from collections.abc import Mapping
from typing import Any

from sim.errors import Unreachable
from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.shop.front import Request
from sim.runtime.fake.shop.shop import FakeShop
from sim.servers.http_protocol import SILENCE, HealthKind, HttpReply
from sim.services.contract.signals import GATEWAY_SIGNALS, SERVICE_SIGNALS

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class FakeGatewayClient:
    """One gateway pod as a shopper uses it."""

    def __init__(self, name: str, shop: FakeShop) -> None:
        self.name = name
        self._shop = shop

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,  # noqa: ARG002 - nothing here takes that long
    ) -> HttpReply:
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        content = text.dumps(json).encode() if json is not None else body or b""
        found = _TRACEPARENT.fullmatch(sent.get("traceparent", ""))
        trace_id = found[1] if found else f"{self._shop.shelves.rng.getrandbits(128):032x}"
        return self._shop.request(self.name, Request(method, path, content, token, sent, trace_id))

    def follow(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        content_type: str = "",  # noqa: ARG002 - the model keeps no content types
        timeout_s: float = 10.0,  # noqa: ARG002 - nothing here takes that long
    ) -> HttpReply:
        return self._shop.storage.follow(method, url, body or b"")

    def url(self) -> str:
        return ""


class FakeServiceClient:
    """One pod as its operator asks it."""

    def __init__(self, name: str, kind: str, shop: FakeShop, processes: FakeProcesses) -> None:
        self.name = name
        self._kind = kind
        self._shop = shop
        self._processes = processes

    def health(self, kind: HealthKind = "") -> HttpReply:
        """A process that runs is alive; it is ready while what it cannot do without is there."""
        try:
            self._processes.require(self.name)
        except Unreachable as error:
            return HttpReply(SILENCE, 0.0, message=str(error))
        well = kind == "live" or self._shop.is_ready(self.name)
        status = self._shop.switches.health_status.get(kind, 200 if well else 503)
        body = text.dumps({"status": "up" if well else "down"}).encode()
        return HttpReply(status, 0.0, {"content-type": "application/json"}, body)

    def metrics(self) -> HttpReply:
        try:
            self._processes.require(self.name)
        except Unreachable as error:
            return HttpReply(SILENCE, 0.0, message=str(error))
        signals = GATEWAY_SIGNALS if self._kind == "gateway" else SERVICE_SIGNALS
        names = [name for name in signals.values() if name not in self._shop.switches.withholds]
        page = "".join(f'# TYPE {name} gauge\n{name}{{status="200"}} 1\n' for name in names)
        page += self._shop.workload.page(self.name, gateway=self._kind == "gateway")
        return HttpReply(200, 0.0, {"content-type": "text/plain"}, page.encode())
