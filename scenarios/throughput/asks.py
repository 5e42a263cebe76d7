"""What can be asked of a service again and again without changing anything: from the routes it promises."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from sim.load.people import client_address
from sim.scenario import Stage
from sim.seeding.client import Shopkeeper
from sim.seeding.fill import fill, password_of
from sim.seeding.generate import generate
from sim.seeding.through import Through
from sim.servers.http_protocol import HttpReply
from sim.services.catalogue import SERVICE_MODULES
from sim.services.contract.route import PUBLIC, SIGNED_IN, Route

_PRODUCTS = 12
_SHOP_SEED = 1
_CUSTOMERS = 4
"""The gateway lets each ask so often: together they may ask more often than one connection after the other can."""
_NAME = "Comparing Shopper"
_STOCKED = ("products", "questions", "websites")
_CONFLICT = 409
_OFFSET = 131  # of client addresses: apart from any load's


@dataclass(frozen=True, slots=True)
class Ask:
    """A GET of a service's own; ``signed_in``: by a customer. ``neighbour``: asked for comparison's sake."""

    service: str
    route: str
    path: str
    signed_in: bool = False
    neighbour: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Sends asks through the gateway, each as another client, so that no rate limit is met."""

    stage: Stage
    tokens: tuple[str, ...]

    def send(self, ask: Ask, number: int) -> HttpReply:
        token = self.tokens[number % len(self.tokens)] if ask.signed_in else ""
        headers = {"X-Forwarded-For": client_address(number, _OFFSET)}
        return self.stage.servers.gateway().request("GET", ask.path, token=token, headers=headers)


def asks_of(stage: Stage, services: tuple[str, ...]) -> tuple[tuple[Ask, ...], Asker]:
    """Of these services' keys, all lists and one page of each; goods and customers are made where there are none.

    A service without such a route that is open to customers is asked who it is. Without the service that signs people
    in there are no customers, and the shelves stay as they are. Raises Refused or Unreachable when the platform does
    not let itself be prepared.
    """
    entrance = Through(stage.servers.gateway(), stage.clock, stage.rng)
    routes = {key: _routes(key) for key in services}
    tokens: tuple[str, ...] = ()
    for server in stage.plan.of_kind("service"):
        if "admin_email" in server.facts:
            password = stage.servers.secret(server.facts["admin_password_secret"])
            _stock_up(entrance, server.facts["admin_email"], password, services)
            if any(route.access == SIGNED_IN for each in routes.values() for route in each):
                tokens = _tokens(entrance, password)
            break
    asker = Asker(stage, tokens)
    found: list[Ask] = []
    for key in services:
        own = list(_asks(asker, key, routes[key]))
        found += own or [replace(ping_of(key), neighbour=False)]
    return tuple(found), asker


def ping_of(key: str) -> Ask:
    """Of a neighbour: who it is, which it knows without asking anybody."""
    return Ask(key, f"{key}.ping", f"/api/{key}/ping", neighbour=True)


def _routes(key: str) -> tuple[Route, ...]:
    routes: tuple[Route, ...] = importlib.import_module(f"{SERVICE_MODULES[key]}.api").ROUTES
    return tuple(r for r in routes if r.method == "GET" and r.access in {PUBLIC, SIGNED_IN})


def _asks(asker: Asker, key: str, routes: tuple[Route, ...]) -> Iterator[Ask]:
    """Lists, and the page of the first thing on the list: ``/{sku}`` of the ``sku`` in it."""
    for route in routes:
        signed_in = route.access == SIGNED_IN
        ask = Ask(key, route.name, f"/api/{key}{route.path}", signed_in)
        if signed_in and not asker.tokens:
            continue
        if not route.parameters:
            yield ask
        elif route.path == f"/{{{route.parameters[0]}}}":
            name = _first(asker, replace(ask, path=f"/api/{key}"), route.parameters[0])
            if name:
                yield replace(ask, path=f"/api/{key}/{quote(name, safe='')}")


def _first(asker: Asker, listed: Ask, parameter: str) -> str:
    document = asker.send(listed, 0).document()
    items = document.get("items") if isinstance(document, dict) else None
    return str(items[0].get(parameter, "")) if items and isinstance(items[0], dict) else ""


def _stock_up(entrance: Through, email: str, password: str, services: tuple[str, ...]) -> None:
    """A shop's goods and pages, for those of the services that have any; what is there already is left."""
    if all(_has_items(entrance, key) for key in services if key in _STOCKED):
        return
    shop = generate(_SHOP_SEED, _PRODUCTS)
    wanted = replace(
        shop,
        categories=shop.categories if "products" in services else (),
        products=shop.products if "products" in services else (),
        questions=shop.questions if "questions" in services else (),
        sites=shop.sites if "websites" in services else (),
        templates=(),
        customers=(),
    )
    fill(entrance, email, password, wanted, lambda *_: None)


def _has_items(entrance: Shopkeeper, key: str) -> bool:
    return bool(entrance.call("GET", f"/api/{key}", query={"limit": 1}).document["items"])


def _tokens(entrance: Through, administrator_password: str) -> tuple[str, ...]:
    """Customers of this stack, the same each time: to register is dear."""
    tokens = []
    for number in range(_CUSTOMERS):
        email = f"compare-{number}@example.com"
        account = {"email": email, "password": password_of(administrator_password, email)}
        entrance.call("POST", "/api/auth/register", body={**account, "name": _NAME}, allowed=(_CONFLICT,))
        tokens.append(str(entrance.call("POST", "/api/auth/login", body=account).document["access_token"]))
    return tuple(tokens)
