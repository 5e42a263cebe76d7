"""Which route a method and a path mean, and what is not there from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route
from sim.services.gateway.routing import Match, Miss, Router

_LIST = Route("shop.list", "GET", "", "", PUBLIC)
_CREATE = Route("shop.create", "POST", "", "", SIGNED_IN)
_CURRENT = Route("shop.current", "GET", "/current", "", SIGNED_IN)
_SHOW = Route("shop.show", "GET", "/{sku}", "", PUBLIC)
_CHANGE = Route("shop.change", "PUT", "/{sku}", "", "products.write")
_IMAGE = Route("shop.image", "GET", "/{sku}/images/{number}", "", PUBLIC)
_NAMED = Route("shop.named", "GET", "/current/images/{number}", "", PUBLIC)
_RESERVE = Route("shop.reserve", "POST", "/reservations", "", INTERNAL)
_LOOK = Route("shop.look", "GET", "/reservations", "", INTERNAL)
_ROUTER = Router({"shop": [_IMAGE, _SHOW, _LIST, _CREATE, _CURRENT, _CHANGE, _NAMED, _RESERVE, _LOOK], "empty": []})


def _route(method: str, path: str) -> Route | None:
    found = _ROUTER.match(method, path)
    return found.route if isinstance(found, Match) else None


def _allowed(method: str, path: str) -> tuple[str, ...]:
    found = _ROUTER.match(method, path)
    assert isinstance(found, Miss)
    return found.allowed


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/api/shop", _LIST),
        ("GET", "/api/shop/", _LIST),
        ("POST", "/api/shop", _CREATE),
        ("GET", "/api/shop/current", _CURRENT),
        ("GET", "/api/shop/current/", _CURRENT),
        ("GET", "/api/shop/A-1", _SHOW),
        ("HEAD", "/api/shop/A-1", _SHOW),
        ("PUT", "/api/shop/current", _CHANGE),
        ("GET", "/api/shop/A-1/images/2", _IMAGE),
        ("GET", "/api/shop/current/images/2", _NAMED),
        ("GET", "/api/shop/A%2F1", _SHOW),
    ],
)
def test_the_route_with_fewest_parameters_is_meant(method: str, path: str, route: Route) -> None:
    """Of the routes a path and method match, a trailing slash aside, the one with fewest parameters wins."""
    assert _route(method, path) is route


@pytest.mark.parametrize(
    "path", ["/api/", "/api/nobody", "/api/shop/A-1/images", "/api/shop//", "/api/empty", "/api/shopping"]
)
def test_an_unknown_path_answers_no_method(path: str) -> None:
    """Nothing is allowed where there is nothing: 404."""
    assert _allowed("GET", path) == ()


def test_a_known_path_tells_its_methods() -> None:
    """The wrong method of a known path is told which are right, HEAD with GET: 405."""
    assert _allowed("DELETE", "/api/shop") == ("GET", "HEAD", "POST")
    assert _allowed("OPTIONS", "/api/shop/A-1") == ("GET", "HEAD", "PUT")


def test_internal_routes_do_not_exist_outside() -> None:
    """An internal route is neither matched nor offered, not even where a published pattern covers its path."""
    assert _route("POST", "/api/shop/reservations") is None
    assert _route("GET", "/api/shop/reservations") is None
    assert _allowed("POST", "/api/shop/reservations") == ("PUT",)


@given(st.text(max_size=60), st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "BREW"]))
def test_any_path_is_matched_or_missed(rest: str, method: str) -> None:
    """No path makes matching fail, and what is matched is what the service is sent."""
    found = _ROUTER.match(method, f"/api/shop/{rest}")
    if isinstance(found, Match):
        assert found.route.access != INTERNAL
        assert found.route.pattern.fullmatch(found.path)
