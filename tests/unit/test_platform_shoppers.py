"""Who shops for longer than a token is honoured signs in again; who is to be refused is refused."""

from __future__ import annotations

import json
from typing import Any, cast

from scenarios.platform.shoppers import LOGIN, Login, Shopper
from sim.servers.http_protocol import HttpGateway, HttpReply


class _Gateway:
    """Honours one token, which a sign-in renews unless ``closed``."""

    def __init__(self, *, closed: bool = False) -> None:
        self.honoured = "second"
        self.closed = closed
        self.asked: list[tuple[str, str]] = []

    def request(self, _method: str, path: str, *, token: str = "", **_options: Any) -> HttpReply:
        self.asked.append((path, token))
        if path == LOGIN:
            return HttpReply(503 if self.closed else 201, 0.0, body=json.dumps({"access_token": "second"}).encode())
        return HttpReply(200 if token == self.honoured else 401, 0.0)


def _shopper(gateway: _Gateway, *, stays: bool) -> Shopper:
    login = Login("shopper@example.com", "a password")
    return Shopper(cast("HttpGateway", gateway), login, "198.18.0.1", "u-1", "first", stays)


def test_who_stays_signs_in_again_and_asks_once_more() -> None:
    """The token has run out: a new one, the same request, and the new one for those that follow."""
    gateway = _Gateway()
    shopper = _shopper(gateway, stays=True)
    assert shopper.ask("GET", "/api/orders").status == 200
    assert shopper.ask("GET", "/api/orders").status == 200
    assert gateway.asked == [
        ("/api/orders", "first"),
        (LOGIN, ""),
        ("/api/orders", "second"),
        ("/api/orders", "second"),
    ]


def test_who_cannot_sign_in_again_is_told_of_the_refusal() -> None:
    """The 401 is what they get, not the trouble of signing in."""
    assert _shopper(_Gateway(closed=True), stays=True).ask("GET", "/api/orders").status == 401


def test_whoever_does_not_stay_is_refused() -> None:
    """What isolation shows with ended tokens must not be mended behind its back."""
    gateway = _Gateway()
    assert _shopper(gateway, stays=False).ask("GET", "/api/orders").status == 401
    assert gateway.asked == [("/api/orders", "first")]
