"""One Prometheus, through its HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from sim.errors import Refused
from sim.servers.durations import printed_duration_s
from sim.servers.endpoint import Endpoint
from sim.servers.protocol import ScrapeTarget
from sim.servers.web import http_get


class PrometheusServer:
    def __init__(self, name: str, endpoint: Callable[[], Endpoint]) -> None:
        self.name = name
        self._endpoint = endpoint

    def version(self) -> str:
        return str(self._ask("status/buildinfo")["version"])

    def retention_s(self) -> float:
        """By time; ``storageRetention`` may add a size after an ``or``."""
        return printed_duration_s(str(self._ask("status/runtimeinfo")["storageRetention"]).split(" or ", maxsplit=1)[0])

    def targets(self) -> tuple[ScrapeTarget, ...]:
        return tuple(
            ScrapeTarget(
                job=target["labels"].get("job", target["scrapePool"]),
                instance=target["labels"].get("instance", ""),
                health=cast("Literal['up', 'down', 'unknown']", target["health"]),
                interval_s=printed_duration_s(target["scrapeInterval"]),
                path=urlsplit(target["scrapeUrl"]).path,
            )
            for target in self._ask("targets", state="active")["activeTargets"]
        )

    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            rule["name"]: {
                "expr": rule["query"],
                "for_s": float(rule["duration"]),
                "severity": rule["labels"].get("severity", ""),
                "state": rule["state"],
                "health": rule["health"],
            }
            for group in self._ask("rules", type="alert")["groups"]
            for rule in group["rules"]
        }

    def alertmanagers(self) -> tuple[str, ...]:
        """``host:port`` of each one it sends alerts to."""
        found = self._ask("alertmanagers")["activeAlertmanagers"]
        return tuple(sorted(urlsplit(one["url"]).netloc for one in found))

    def query(self, expression: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        """An instant vector; a scalar comes as one sample without labels."""
        data = self._ask("query", query=expression)
        if data["resultType"] == "scalar":
            return (({}, float(data["result"][1])),)
        return tuple((dict(sample["metric"]), float(sample["value"][1])) for sample in data["result"])

    def _ask(self, path: str, **parameters: str) -> Any:
        answer = http_get(self._endpoint(), f"/api/v1/{path}", parameters=parameters)
        document = answer.json()
        if document.get("status") != "success":
            raise Refused(
                f"{self.name} refused {path}.", str(document.get("errorType", "")), evidence=answer.text[:300]
            )
        return document["data"]
