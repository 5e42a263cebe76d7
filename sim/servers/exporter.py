"""Anything with a Prometheus text endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.errors import Refused
from sim.servers.endpoint import Endpoint
from sim.servers.web import http_get

_SCRAPE_TIMEOUT_S = 10.0


class MetricsExporter:
    def __init__(self, name: str, endpoint: Callable[[], Endpoint]) -> None:
        self.name = name
        self._endpoint = endpoint

    def metrics(self, path: str = "/metrics", parameters: Mapping[str, str] | None = None) -> str:
        answer = http_get(self._endpoint(), path, parameters=parameters, timeout_s=_SCRAPE_TIMEOUT_S)
        if answer.status != 200:
            code = str(answer.status)
            raise Refused(f"{self.name} answered {code} to {path}.", code, evidence=answer.text[:300])
        return answer.text
