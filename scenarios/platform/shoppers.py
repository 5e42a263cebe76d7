"""People at the gateway: each with an account, a token and an address of their own, as a proxy would report it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sim.errors import Refused, Unreachable
from sim.scenario import Stage
from sim.servers.http_protocol import HttpGateway, HttpReply

ADMIN = "admin"
REGISTER, LOGIN = "/api/auth/register", "/api/auth/login"
_READY_DEADLINE_S = 30.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Login:
    """An e-mail address and a password: drawn anew for each, except the administrator's."""

    email: str
    password: str = field(repr=False)


@dataclass(slots=True)
class Shopper:
    """``address`` is where they seem to come from; ``user_id`` who they are to the platform.

    One who ``stays`` signs in again when the token is no longer honoured (401), as whoever shops for an hour must.
    """

    gateway: HttpGateway
    login: Login
    address: str
    user_id: str = ""
    token: str = field(default="", repr=False)
    stays: bool = False

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str = "", timeout_s: float = 10.0, **headers: str
    ) -> HttpReply:
        """One request; ``key`` makes it the same call when it is sent again."""
        sent = {"X-Forwarded-For": self.address, **({"Idempotency-Key": key} if key else {}), **headers}
        reply = self.gateway.request(method, path, json=body, token=self.token, headers=sent, timeout_s=timeout_s)
        if not self.stays or reply.status != HTTPStatus.UNAUTHORIZED or not self._sign_in_again():
            return reply
        return self.gateway.request(method, path, json=body, token=self.token, headers=sent, timeout_s=timeout_s)

    def _sign_in_again(self) -> bool:
        """Whether there is a new token."""
        sent = {"X-Forwarded-For": self.address}
        login = {"email": self.login.email, "password": self.login.password}
        reply = self.gateway.request("POST", LOGIN, json=login, headers=sent)
        document = reply.document()
        if not reply.accepted or not isinstance(document, Mapping):
            return False
        self.token = str(document["access_token"])
        return True


def new_login(stage: Stage) -> Login:
    return Login(f"shopper-{stage.rng.getrandbits(48):012x}@example.com", secrets.token_urlsafe(18))


def address(stage: Stage) -> str:
    """Of the range for benchmarks (RFC 2544): nobody's."""
    return f"198.18.{stage.rng.randrange(256)}.{stage.rng.randrange(1, 255)}"


def administrator(stage: Stage) -> Login:
    for server in stage.plan.of_kind("service"):
        if "admin_email" in server.facts:
            return Login(server.facts["admin_email"], stage.servers.secret(server.facts["admin_password_secret"]))
    raise Unreachable("This stack has no service that signs administrators in.", next_step="start auth, too")


def enrol(stage: Stage, gateway: HttpGateway | None = None, *, stays: bool = False) -> Shopper:
    """A new customer, signed in. Raises Refused or Unreachable when the platform does not let them."""
    shopper = Shopper(gateway or stage.servers.gateway(), new_login(stage), address(stage))
    name = {"name": "Sim Shopper"}
    document = _document(
        shopper.ask("POST", REGISTER, {"email": shopper.login.email, "password": shopper.login.password, **name})
    )
    return sign_in(stage, shopper.login, shopper.gateway, user_id=str(document["user_id"]), stays=stays)


def sign_in(
    stage: Stage, login: Login, gateway: HttpGateway | None = None, *, user_id: str = "", stays: bool = False
) -> Shopper:
    shopper = Shopper(gateway or stage.servers.gateway(), login, address(stage))
    document = _document(shopper.ask("POST", LOGIN, {"email": login.email, "password": login.password}))
    return Shopper(shopper.gateway, login, shopper.address, user_id, str(document["access_token"]), stays)


def _document(reply: HttpReply) -> Mapping[str, Any]:
    if not reply.answered:
        raise Unreachable("The gateway did not answer.", evidence=reply.message)
    document = reply.document()
    if not reply.accepted or not isinstance(document, Mapping):
        raise Refused(f"The gateway answered {reply.status}.", str(reply.status), evidence=reply.body[:200].decode())
    return document
