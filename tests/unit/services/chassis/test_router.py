"""A request finds its route, is let in or not, and is decoded or told what is wrong with it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from sim.services.chassis.router import Router, check_access
from sim.services.contract.access import Identity
from sim.services.contract.problem import Problem
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route


class Line(msgspec.Struct):
    sku: str
    quantity: Annotated[int, Meta(ge=1)]


class Takes(msgspec.Struct):
    lines: list[Line]


class Query(msgspec.Struct):
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    tag: tuple[str, ...] = ()
    on_sale: bool | None = None


ROUTES = (
    Route("shop.list", "GET", "", "list", PUBLIC, query=Query),
    Route("shop.create", "POST", "", "create", "products.write", takes=Takes),
    Route("shop.nested", "GET", "/{sku}/images/{image}", "two parameters", PUBLIC),
    Route("shop.show", "GET", "/{sku}", "one parameter", PUBLIC),
    Route("shop.search", "GET", "/search", "none", PUBLIC),
    Route("shop.mine", "GET", "/mine/orders", "signed in", SIGNED_IN),
    Route("shop.reserve", "POST", "/reservations", "between services", INTERNAL),
)
ROUTER = Router(ROUTES)
BY_NAME = {route.name: route for route in ROUTES}


def _problem(call: Any, *arguments: Any, **named: Any) -> Problem:
    with pytest.raises(Problem) as raised:
        call(*arguments, **named)
    return raised.value


@pytest.mark.parametrize(
    ("method", "path", "name", "parameters"),
    [
        ("GET", "", "shop.list", {}),
        ("POST", "", "shop.create", {}),
        ("GET", "/search", "shop.search", {}),
        ("GET", "/A%2FB%20C", "shop.show", {"sku": "A/B C"}),
        ("GET", "/a/images/1", "shop.nested", {"sku": "a", "image": "1"}),
        ("GET", "/mine/orders", "shop.mine", {}),
    ],
)
def test_the_most_specific_route_is_found(method: str, path: str, name: str, parameters: dict[str, str]) -> None:
    """A literal path before a parameter; parameters are decoded after the match, so that %2F is no slash."""
    route, found = ROUTER.find(method, path)
    assert (route.name, dict(found)) == (name, parameters)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/a/b", 404, None),
        ("GET", "/", 404, None),
        ("GET", "//", 404, None),
        ("DELETE", "", 405, ["GET", "POST"]),
        ("POST", "/search", 405, ["GET"]),
        ("GET", "/%ff", 400, None),
    ],
)
def test_what_is_not_there_is_told_apart(method: str, path: str, status: int, allow: list[str] | None) -> None:
    """Unknown path 404; known path, other method 405 with those allowed; a path that is no text 400."""
    problem = _problem(ROUTER.find, method, path)
    assert (problem.status, problem.extra.get("allow")) == (status, allow)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"lines": [}', b"[" * 100_000, b'"\\ud800"'])
def test_a_body_that_is_not_json_is_400(body: bytes) -> None:
    """Whatever it is: nothing, broken, no text, nested beyond reason."""
    assert _problem(ROUTER.body, BY_NAME["shop.create"], body).status in {400, 422}
    assert _problem(ROUTER.body, BY_NAME["shop.create"], b"{").status == 400


def test_a_body_that_breaks_the_schema_is_422_with_the_fields_path() -> None:
    """The first thing wrong, where it is."""
    problem = _problem(ROUTER.body, BY_NAME["shop.create"], b'{"lines": [{"sku": "A", "quantity": 0}]}')
    assert (problem.status, problem.extra["errors"][0]["field"]) == (422, "lines[0].quantity")


def test_a_query_is_read_leniently_and_checked() -> None:
    """Text becomes numbers and booleans, repeated names a list; what is unknown is ignored."""
    route = BY_NAME["shop.list"]
    assert ROUTER.query(route, "limit=5&tag=a&tag=b&on_sale=true&x=y") == Query(5, ("a", "b"), on_sale=True)
    assert ROUTER.query(route, "") == Query()
    problem = _problem(ROUTER.query, route, "limit=101")
    assert (problem.status, problem.extra["errors"][0]["field"]) == (422, "limit")


EDITOR = Identity("u", "e@example.com", permissions=("products.write",))
CUSTOMER = Identity("u", "e@example.com")


@pytest.mark.parametrize(
    ("name", "identity", "outside", "status"),
    [
        ("shop.list", None, True, None),
        ("shop.mine", None, True, 401),
        ("shop.mine", CUSTOMER, True, None),
        ("shop.create", None, True, 401),
        ("shop.create", CUSTOMER, True, 403),
        ("shop.create", EDITOR, True, None),
        ("shop.reserve", EDITOR, True, 404),
        ("shop.reserve", None, False, None),
    ],
)
def test_who_may_call_is_checked_again(name: str, identity: Identity | None, outside: bool, status: int | None) -> None:
    """Even where a gateway forgot; a route between services does not exist for the outside."""
    if status is None:
        check_access(BY_NAME[name], identity, from_gateway=outside)
    else:
        assert _problem(check_access, BY_NAME[name], identity, from_gateway=outside).status == status
