"""The gateway and the services over HTTP: sessions kept alive, one a thread; silence is a reply, never an exception."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from sim.errors import SimError
from sim.servers.endpoint import Endpoint
from sim.servers.http_protocol import SILENCE, HealthKind, HttpReply

_CONNECT_TIMEOUT_S = 2.0
_HEALTH_TIMEOUT_S = 5.0
_HTTP_PORT = 80
_DIAL_TIMEOUT_S = 0.5


class _Sessions(threading.local):
    """``requests`` sessions are not for sharing: each thread has its own, and its own connections."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy or .netrc of this machine must not speak for the stack


class GatewayClient:
    """``endpoint`` is the gateway's port; ``published`` finds where a name of the pod network is reached from here.

    ``pod`` is the port at the pod's own address, which this machine may or may not reach.
    """

    def __init__(
        self,
        name: str,
        endpoint: Callable[[], Endpoint],
        published: Callable[[str, int], Endpoint | None],
        pod: Endpoint | None = None,
    ) -> None:
        self.name = name
        self._pod = pod
        self._endpoint = endpoint
        self._published = published
        self._sessions = _Sessions()

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
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return _send(
            self._sessions.session,
            method,
            self._endpoint,
            path,
            json=json,
            body=body,
            headers=sent,
            timeout_s=timeout_s,
        )

    def url(self) -> str:
        """The pod itself where it can be dialled: a published port costs the engine's proxy as much CPU again."""
        if self._pod is not None and _answers(self._pod):
            return f"http://{self._pod}"
        return f"http://{self._endpoint()}"

    def follow(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str = "", timeout_s: float = 10.0
    ) -> HttpReply:
        parts = urlsplit(url)
        where = self._published(parts.hostname or "", parts.port or _HTTP_PORT)
        if where is None:
            return HttpReply(SILENCE, 0.0, message=f"no server here is at {parts.netloc}")
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return _send(
            self._sessions.session,
            method,
            lambda: where,
            path,
            body=body,
            headers={"Host": parts.netloc, **({"Content-Type": content_type} if content_type else {})},
            timeout_s=timeout_s,
        )


class UrlGateway:
    """Any gateway at a URL, of a stack or not. What it signs names servers that are reached as they are named."""

    def __init__(self, url: str) -> None:
        self.name = url
        self._url = url.rstrip("/")
        self._sessions = _Sessions()

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
        sent = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        return _send(
            self._sessions.session,
            method,
            lambda: self._url,
            path,
            json=json,
            body=body,
            headers=sent,
            timeout_s=timeout_s,
        )

    def url(self) -> str:
        return self._url

    def follow(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str = "", timeout_s: float = 10.0
    ) -> HttpReply:
        headers = {"Content-Type": content_type} if content_type else {}
        session = self._sessions.session
        return _send(session, method, lambda: url, "", body=body, headers=headers, timeout_s=timeout_s)


def _root(where: Endpoint | str) -> str:
    return where if isinstance(where, str) else f"http://{where}"


def _answers(endpoint: Endpoint) -> bool:
    try:
        socket.create_connection((endpoint.host, endpoint.port), _DIAL_TIMEOUT_S).close()
    except OSError:
        return False
    return True


class ServiceClient:
    """One pod's own ports: ``http`` for health, ``metrics`` for metrics."""

    def __init__(
        self,
        name: str,
        http: Callable[[], Endpoint],
        metrics: Callable[[], Endpoint],
        *,
        health_path: str = "/health",
        metrics_path: str = "/metrics",
    ) -> None:
        self.name = name
        self._http = http
        self._metrics = metrics
        self._health_path = health_path
        self._metrics_path = metrics_path

    def health(self, kind: HealthKind = "") -> HttpReply:
        path = f"{self._health_path}/{kind}" if kind else self._health_path
        with requests.Session() as session:
            session.trust_env = False
            return _send(session, "GET", self._http, path, timeout_s=_HEALTH_TIMEOUT_S)

    def metrics(self) -> HttpReply:
        with requests.Session() as session:
            session.trust_env = False
            return _send(session, "GET", self._metrics, self._metrics_path, timeout_s=_HEALTH_TIMEOUT_S)


def _send(
    session: requests.Session,
    method: str,
    where: Callable[[], Endpoint | str],
    path: str,
    *,
    json: Any = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
) -> HttpReply:
    """One request, no redirect followed, no retry. ``where`` is an address, or the beginning of a URL."""
    began_s = time.monotonic()
    try:
        answer = session.request(
            method,
            f"{_root(where())}{path}",
            json=json,
            data=body,
            headers=dict(headers or {}),
            timeout=(min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s),
            allow_redirects=False,
        )
    except (requests.RequestException, SimError, OSError) as error:
        return HttpReply(SILENCE, time.monotonic() - began_s, message=f"{type(error).__name__}: {error}"[:300])
    received = {name.lower(): value for name, value in answer.headers.items()}
    return HttpReply(answer.status_code, time.monotonic() - began_s, received, answer.content)
