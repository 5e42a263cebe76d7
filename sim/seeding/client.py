"""The platform's gateway as whoever fills a shop needs it: patient with what passes, plain about what does not."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from sim.clock import Clock
from sim.errors import BadInput, Refused, Unreachable

_CONNECT_TIMEOUT_S: Final = 3.0
_ANSWER_TIMEOUT_S: Final = 15.0
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0
# Too many requests, and a service that is not there or too slow at the moment.
_PASSING: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """``document`` is the body as JSON, None where there is none."""

    status: int
    document: Any

    @property
    def detail(self) -> str:
        """What a problem says of itself."""
        body = self.document
        return str(body.get("detail", body)) if isinstance(body, dict) else ""


class Shopkeeper:
    """Requests to one gateway, one after the other. ``token`` signs them once somebody has signed in."""

    def __init__(self, url: str, session: requests.Session, clock: Clock, token: str = "") -> None:
        self.url = url
        self._session = session
        self._clock = clock
        self._token = token

    def signed_in(self, email: str, password: str) -> Shopkeeper | None:
        """The same gateway as this user. None when the password is not theirs."""
        answer = self.call("POST", "/api/auth/login", body={"email": email, "password": password}, allowed=(401, 422))
        if answer.status != requests.codes.ok:
            return None
        return self.as_bearer(answer.document["access_token"])

    def as_bearer(self, token: str) -> Shopkeeper:
        """The same gateway, asked by whom this token belongs to."""
        return Shopkeeper(self.url, self._session, self._clock, token)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        allowed: tuple[int, ...] = (),
    ) -> Answer:
        """An answer of 2xx, or of a status in ``allowed``. What passes is waited for: each try is the same call.

        Raises Refused for any other answer, Unreachable when none came in time.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method in {"POST", "PUT", "PATCH", "DELETE"} else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        deadline_s = self._clock.now_s() + _PATIENCE_S
        while True:
            pause_s = _PAUSE_S
            try:
                answer, retry_after_s = self._once(method, path, body, query, headers)
            except requests.RequestException as error:
                evidence = str(error)[:300]
            else:
                if answer.status < requests.codes.bad or answer.status in allowed:
                    return answer
                if answer.status not in _PASSING:
                    raise Refused(
                        f"{method} {path} was answered {answer.status}.",
                        str(answer.status),
                        evidence=answer.detail[:300],
                    )
                evidence = f"{answer.status} {answer.detail}"[:300]
                pause_s = max(pause_s, min(retry_after_s, _LONGEST_PAUSE_S))
            if self._clock.now_s() + pause_s > deadline_s:
                raise Unreachable(
                    f"{method} {path} got no good answer from {self.url} for {_PATIENCE_S:.0f} s.",
                    evidence=evidence,
                    next_step="sim status, then sim seed again: it goes on where it stopped",
                )
            self._clock.sleep_s(pause_s)

    def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
    ) -> tuple[Answer, float]:
        """The answer, and for how many seconds it asks to be left alone."""
        received = self._session.request(
            method,
            f"{self.url}{path}",
            json=body,
            params=query,
            headers=dict(headers),
            timeout=(_CONNECT_TIMEOUT_S, _ANSWER_TIMEOUT_S),
            allow_redirects=False,
        )
        document = None
        with suppress(requests.JSONDecodeError):
            document = received.json()
        pause_s = 0.0
        with suppress(ValueError):
            pause_s = float(received.headers.get("Retry-After", "0"))
        return Answer(received.status_code, document), pause_s


def new_session() -> requests.Session:
    """For ``with``. No proxy and no .netrc of this machine speaks for the platform."""
    session = requests.Session()
    session.trust_env = False
    return session


def checked_url(text: str) -> str:
    """``http(s)://host[:port][/path]`` without its last slash. Raises BadInput for anything else."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or parts.username:
        raise BadInput(f"{text!r} is no gateway's URL.", next_step="--url http://127.0.0.1:8100")
    return url


def knock(url: str, session: requests.Session) -> None:
    """Raises BadInput when nobody listens there, or somebody else does, before anything is asked of anybody."""
    try:
        answer = session.get(f"{url}/api/products?limit=1", timeout=(_CONNECT_TIMEOUT_S, _ANSWER_TIMEOUT_S))
    except requests.RequestException as error:
        raise BadInput(f"No gateway answers at {url}.", evidence=str(error)[:300], next_step="sim status") from None
    kind = answer.headers.get("Content-Type", "")
    if answer.status_code == requests.codes.not_found or "json" not in kind:
        raise BadInput(
            f"What answers at {url} is not the gateway.",
            evidence=f"{answer.status_code} {kind} for /api/products",
            next_step="sim status",
        )
