"""The published document is valid OpenAPI 3.1 and says of every route what the gateway does."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from sim.services.catalogue import SERVICE_MODULES
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route
from sim.services.gateway.openapi import document
from sim.services.gateway.pages import docs
from sim.services.gateway.published import published_routes

_ROUTES = published_routes(SERVICE_MODULES)
_DOCUMENT = document(_ROUTES, "1.0.0")
_PUBLISHED = [r for table in _ROUTES.values() for r in table if r.access != INTERNAL]


def _operation(route: Route) -> dict[str, Any]:
    paths = _DOCUMENT["paths"]
    found = [o for methods in paths.values() for o in methods.values() if o["operationId"] == route.name]
    assert len(found) == 1
    return found[0]  # type: ignore[no-any-return]


def test_the_document_is_valid() -> None:
    """By the validator of the specification, every reference resolved."""
    OpenAPIV31SpecValidator(_DOCUMENT).validate()


def test_every_published_route_is_there_and_no_internal_one() -> None:
    """One operation a route, tagged with its service."""
    named = {o["operationId"] for methods in _DOCUMENT["paths"].values() for o in methods.values()}
    assert named == {route.name for route in _PUBLISHED}
    assert {tag["name"] for tag in _DOCUMENT["tags"]} == set(SERVICE_MODULES)


@pytest.mark.parametrize("route", _PUBLISHED, ids=lambda route: route.name)
def test_an_operation_says_who_may_call_and_what_comes_back(route: Route) -> None:
    """Its access, its body, its parameters, its success and each of its errors as a problem."""
    operation = _operation(route)
    assert operation["security"] == ([] if route.access == PUBLIC else [{"bearer": []}])
    assert operation.get("x-permission") == (None if route.access in {PUBLIC, SIGNED_IN} else route.access)
    assert ("requestBody" in operation) == (route.takes is not None)
    in_path = [p["name"] for p in operation["parameters"] if p.get("in") == "path"]
    assert sorted(in_path) == sorted(route.parameters)
    statuses = set(operation["responses"])
    assert {str(s) for s in (route.status, *route.problems, 400, 401, 404, 405, 413, 422, 429, 503, 504)} <= statuses
    assert ("403" in statuses) or route.access in {PUBLIC, SIGNED_IN}


def test_the_page_for_people_names_every_path_and_loads_nothing() -> None:
    """No script, no address of somebody else's."""
    page = docs(_DOCUMENT).body.decode()
    assert all(path in page for path in _DOCUMENT["paths"])
    assert "<script" not in page
    assert "https://" not in page


def test_what_may_be_new_is_200_or_201() -> None:
    """A site that is put answers the same body either way."""
    responses = _DOCUMENT["paths"]["/api/websites/{site}"]["put"]["responses"]
    assert responses["200"] == responses["201"]
    assert "201" not in _DOCUMENT["paths"]["/api/websites/{site}"]["patch"]["responses"]
