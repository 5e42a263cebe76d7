"""From method and path to a route, and from what a caller sent to what its handler takes."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from sim.services.contract.access import Identity
from sim.services.contract.problem import Problem
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route

LONGEST_PATH: Final = 2048


class Router:
    """The routes of one service. ``find`` answers the most specific one."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[Route] = []
        for route in routes:
            if route.parameters:
                self._patterns.append(route)
            else:
                self._exact.setdefault(route.path, {})[route.method] = route
        self._patterns.sort(key=lambda route: len(route.parameters))
        self._bodies = {route.name: msgspec.json.Decoder(route.takes) for route in routes if route.takes is not None}
        self._lists = {route.name: _list_fields(route.query) for route in routes if route.query is not None}

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route and its decoded path parameters. Raises Problem 404, 405 (``allow`` lists what is)."""
        allowed: set[str] = set()
        here = self._exact.get(path, {})
        if method in here:
            return here[method], {}
        allowed.update(here)
        for route in self._patterns:
            match = route.pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                return route, {name: _decoded(value) for name, value in match.groupdict().items()}
            allowed.add(route.method)
        if allowed:
            raise Problem(405, f"{method} is not for this path.", allow=sorted(allowed))
        raise Problem(404, "No such path.")

    def body(self, route: Route, body: bytes) -> Any:
        """Raises Problem 400 for what is not JSON, 422 for JSON that is not what the route takes."""
        decoder = self._bodies.get(route.name)
        if decoder is None:
            return None
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise invalid(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            what = "The body is not JSON." if body else "A JSON body is required."
            raise Problem(400, what) from error

    def query(self, route: Route, query: str) -> Any:
        """Raises Problem 422; parameters the route does not know are ignored."""
        if route.query is None:
            return None
        lists = self._lists[route.name]
        values: dict[str, Any] = {}
        for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
            if name in lists:
                values.setdefault(name, []).append(value)
            else:
                values[name] = value
        try:
            return msgspec.convert(values, route.query, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(error) from error


def check_access(route: Route, identity: Identity | None, *, from_gateway: bool) -> None:
    """What the gateway checked before, checked again. Raises Problem 401, 403, 404."""
    access = route.access
    if access == PUBLIC:
        return
    if access == INTERNAL:
        if from_gateway:
            raise Problem(404, "No such path.")
        return
    if identity is None:
        raise Problem(401, "Sign in first.")
    if access != SIGNED_IN and not identity.may(access):
        raise Problem(403, f"This takes the permission {access}.")


def invalid(error: msgspec.ValidationError) -> Problem:
    """A decoder's ``Expected `int` >= 1 - at `$.lines[0].quantity``` as a problem that names the field."""
    reason, _, place = str(error).partition(" - at `")
    pointer = place.rstrip("`").removeprefix("$").removeprefix(".")
    problem = {"field": pointer, "reason": reason}
    return Problem(422, f"{pointer}: {reason}" if pointer else reason, errors=[problem])


def _decoded(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise Problem(400, "The path is not UTF-8.") from error


def _list_fields(query: Any) -> frozenset[str]:
    """Parameters that may repeat: those the Struct holds in a list or tuple."""
    found = set()
    for field in msgspec.structs.fields(query):
        kinds = (field.type, *typing.get_args(field.type))
        if any((typing.get_origin(kind) or kind) in {list, tuple, set, frozenset} for kind in kinds):
            found.add(field.encode_name)
    return frozenset(found)
