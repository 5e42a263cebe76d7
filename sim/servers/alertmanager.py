"""One Alertmanager, through its HTTP API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from sim.errors import Refused
from sim.servers.durations import printed_duration_s
from sim.servers.endpoint import Endpoint
from sim.servers.web import HttpAnswer, http_get, http_request

_SEVERITIES = ("critical", "warning", "info")
_DEFAULT_RETENTION = "120h"
_MATCHER = re.compile(r'^\s*"?([\w.:-]+)"?\s*(=~|!~|!=|=)\s*"?((?:[^"\\]|\\.)*)"?\s*$')


class AlertmanagerServer:
    def __init__(self, name: str, endpoint: Callable[[], Endpoint]) -> None:
        self.name = name
        self._endpoint = endpoint

    def version(self) -> str:
        return str(self._status()["versionInfo"]["version"])

    def peers(self) -> int:
        """Members of its cluster in its own eyes, itself included."""
        return len(self._status()["cluster"].get("peers") or ())

    def retention_s(self) -> float:
        """From its own command line: its API shows flags nowhere else."""
        command = http_get(self._endpoint(), "/debug/pprof/cmdline")
        self._accepted(command)
        for argument in command.text.split("\0"):
            flag, _, value = argument.lstrip("-").partition("=")
            if flag == "data.retention" and value:
                return printed_duration_s(value)
        return printed_duration_s(_DEFAULT_RETENTION)

    def routes(self) -> Mapping[str, str]:
        configuration = yaml.safe_load(self._status()["config"]["original"])
        return {severity: receiver_of(configuration["route"], {"severity": severity}) for severity in _SEVERITIES}

    def fire(self, name: str, severity: str, labels: Mapping[str, str]) -> None:
        """An alert lasts until resolved, or until Alertmanager's resolve time-out."""
        self._post(name, severity, labels, {})

    def resolve(self, name: str, severity: str, labels: Mapping[str, str]) -> None:
        ended = datetime.now(UTC) - timedelta(seconds=1)
        self._post(name, severity, labels, {"endsAt": ended.isoformat()})

    def _post(self, name: str, severity: str, labels: Mapping[str, str], times: Mapping[str, str]) -> None:
        alert = {"labels": {**labels, "alertname": name, "severity": severity}, **times}
        self._accepted(http_request("POST", f"http://{self._endpoint()}/api/v2/alerts", json_body=[alert]))

    def _status(self) -> Any:
        return http_get(self._endpoint(), "/api/v2/status").json()

    def _accepted(self, answer: HttpAnswer) -> None:
        if answer.status != 200:
            raise Refused(f"{self.name} refused ({answer.status}).", str(answer.status), evidence=answer.text[:300])


def receiver_of(route: Mapping[str, Any], labels: Mapping[str, str], inherited: str = "") -> str:
    """The first receiver ``labels`` end at, as Alertmanager walks its tree: depth first, a child before its parent."""
    receiver = str(route.get("receiver") or inherited)
    for child in route.get("routes") or ():
        if _matches(child, labels):
            return receiver_of(child, labels, receiver)
    return receiver


def _matches(route: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """All three ways to write a route's condition; a label that is absent is the empty string."""
    exact = all(labels.get(k, "") == str(v) for k, v in (route.get("match") or {}).items())
    pattern = all(re.fullmatch(str(v), labels.get(k, "")) for k, v in (route.get("match_re") or {}).items())
    return exact and pattern and all(_holds(str(m), labels) for m in route.get("matchers") or ())


def _holds(matcher: str, labels: Mapping[str, str]) -> bool:
    parts = _MATCHER.match(matcher)
    if parts is None:
        return False
    name, operator, value = parts.groups()
    actual = labels.get(name, "")
    same = bool(re.fullmatch(value, actual)) if operator.endswith("~") else actual == value
    return same != operator.startswith("!")
