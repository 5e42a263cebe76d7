"""The local receiver of every alert channel."""

from __future__ import annotations

from collections.abc import Callable

from sim.servers.endpoint import Endpoint
from sim.servers.protocol import Delivery
from sim.servers.web import http_get


class SinkServer:
    def __init__(self, name: str, endpoint: Callable[[], Endpoint]) -> None:
        self.name = name
        self._endpoint = endpoint

    def deliveries(self, alert: str) -> tuple[Delivery, ...]:
        """In order of arrival."""
        found = http_get(self._endpoint(), "/deliveries", parameters={"alert": alert}).json()
        return tuple(
            Delivery(str(d["channel"]), str(d["receiver"]), str(d["alert"]), str(d["status"]))
            for d in found
            if d["alert"] == alert
        )
