"""Before a crowd comes: customers registered and signed in, the catalogue looked up. All through the gateway."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.clock import Clock
from sim.errors import Refused, Unreachable
from sim.load.people import Customer, Goods, People, client_address
from sim.servers.http_protocol import HttpGateway, HttpReply

_PATIENCE_S = 30.0
_PAUSE_S = 0.25
_PASSING = frozenset({0, 429, 502, 503, 504})
_PAGE = 100
_WORDS = 40
_ADDRESS = {"line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"}
_OFFSET = 97  # of client addresses: apart from any worker's


def enrol(
    gateway: HttpGateway,
    clock: Clock,
    rng: random.Random,
    customers: int,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> People:
    """Raises Refused or Unreachable when the platform does not let anybody in, or shows nothing to buy."""
    desk = _Desk(gateway, clock, rng)
    goods = _goods(desk)
    people: list[Customer] = []
    for number in range(customers):
        progress(number, customers)
        people.append(_customer(desk))
    return People(goods, tuple(people))


class _Desk:
    """One request after the other, each as another client; what passes is waited for."""

    def __init__(self, gateway: HttpGateway, clock: Clock, rng: random.Random) -> None:
        self._gateway = gateway
        self._clock = clock
        self._rng = rng

    def new_email(self) -> str:
        return f"load-{self._rng.getrandbits(64):016x}@example.com"

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = "") -> Any:
        ends_s = self._clock.now_s() + _PATIENCE_S
        while True:
            address = client_address(self._rng.randrange(2**16), _OFFSET)
            reply = self._gateway.request(method, path, json=body, token=token, headers={"X-Forwarded-For": address})
            if reply.accepted:
                return reply.document()
            if reply.status not in _PASSING or self._clock.now_s() >= ends_s:
                raise _turned_away(method, path, reply)
            self._clock.sleep_s(_PAUSE_S)


def _turned_away(method: str, path: str, reply: HttpReply) -> Exception:
    if not reply.answered:
        return Unreachable(f"{method} {path} got no answer from the gateway.", evidence=reply.message)
    return Refused(
        f"The gateway answered {reply.status} to {method} {path}.",
        str(reply.status),
        evidence=reply.body[:200].decode(errors="replace"),
    )


def _goods(desk: _Desk) -> Goods:
    """Best stocked first: they are the ones that sell."""
    products: Sequence[Mapping[str, Any]] = desk.ask("GET", f"/api/products?limit={_PAGE}")["items"]
    categories: Sequence[Mapping[str, Any]] = desk.ask("GET", "/api/products/categories")["items"]
    stocked = sorted(products, key=lambda p: -int(p.get("available", 0)))
    if not stocked:
        raise Refused("The catalogue is empty.", "empty", next_step="sim seed")
    for_sale = [p for p in stocked if int(p.get("available", 0)) > 0] or stocked
    words = dict.fromkeys(word for p in stocked for word in str(p["name"]).split() if word.isalpha() and len(word) > 3)
    return Goods(
        tuple(str(p["sku"]) for p in for_sale), tuple(str(c["slug"]) for c in categories), tuple(words)[:_WORDS]
    )


def _customer(desk: _Desk) -> Customer:
    email, password = desk.new_email(), secrets.token_urlsafe(18)
    desk.ask("POST", "/api/auth/register", {"email": email, "password": password, "name": "Load Shopper"})
    token = str(desk.ask("POST", "/api/auth/login", {"email": email, "password": password})["access_token"])
    address = desk.ask("POST", "/api/addresses", {"recipient": "Load Shopper", **_ADDRESS}, token)
    return Customer(email, password, token, str(address["address_id"]))
