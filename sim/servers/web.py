"""HTTP as every client here needs it: one request, a deadline, an answer; silence raises Unreachable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from sim.errors import Refused, Unreachable
from sim.servers.endpoint import Endpoint

DEFAULT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whatever its status. Header names are lower case."""

    url: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises Refused when the status is not 2xx or the body is something else."""
        if not 200 <= self.status < 300:
            raise Refused(f"{self.url} answered {self.status}.", str(self.status), evidence=self.text[:300])
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(f"{self.url} did not answer JSON.", str(self.status), evidence=self.text[:300]) from error


def http_request(
    method: str,
    url: str,
    *,
    auth: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    json_body: Any = None,
    body: bytes | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> HttpAnswer:
    """One request, no redirect followed, no proxy, no retry. Raises Unreachable when no answer came in time."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy or .netrc of this machine must not speak for the stack
        try:
            answer = session.request(
                method,
                url,
                auth=auth,
                headers=dict(headers or {}),
                params=parameters,
                json=json_body,
                data=body,
                timeout=(min(2.0, timeout_s), timeout_s),
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as error:
            raise Unreachable(f"{method} {url} got no answer.", evidence=str(error)) from error
    received = {name.lower(): value for name, value in answer.headers.items()}
    return HttpAnswer(url, answer.status_code, answer.content, received)


def http_get(
    endpoint: Endpoint,
    path: str,
    *,
    parameters: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> HttpAnswer:
    return http_request("GET", f"http://{endpoint}{path}", parameters=parameters, auth=auth, timeout_s=timeout_s)
