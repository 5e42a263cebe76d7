"""Which route a method and a path mean. The whole table is matched, internal routes too, as the service will do it.

A path that means an internal route is refused even where a published one would match as well: the service picks by the
same rule, and what the gateway checked must be what the service does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sim.services.contract.route import INTERNAL, Route

API_PREFIX: Final = "/api/"


@dataclass(frozen=True, slots=True)
class Match:
    """``path`` is what the service is sent: below ``/api/<service>``, without a trailing slash."""

    service: str
    route: Route
    path: str


@dataclass(frozen=True, slots=True)
class Miss:
    """``allowed`` are the methods the path does answer; none when there is no such path."""

    service: str
    allowed: tuple[str, ...] = ()


@dataclass(slots=True)
class _Table:
    exact: dict[tuple[str, str], Route] = field(default_factory=dict)
    patterns: dict[str, list[Route]] = field(default_factory=dict)

    def find(self, method: str, path: str) -> Route | None:
        route = self.exact.get((method, path))
        if route is not None:
            return route
        for candidate in self.patterns.get(method, ()):
            if candidate.pattern.fullmatch(path):
                return candidate
        return None


class Router:
    """``routes`` are every service's by its key."""

    def __init__(self, routes: Mapping[str, Sequence[Route]]) -> None:
        self._tables = {service: _table(table) for service, table in routes.items()}
        self._methods = {service: tuple(sorted({r.method for r in table})) for service, table in routes.items()}

    def match(self, method: str, path: str) -> Match | Miss:
        """``path`` is canonical and begins with :data:`API_PREFIX`. HEAD means what GET means."""
        service, slash, rest = path[len(API_PREFIX) :].partition("/")
        table = self._tables.get(service)
        if table is None:
            return Miss("")
        below = (slash + rest).removesuffix("/")
        route = table.find("GET" if method == "HEAD" else method, below)
        if route is not None and route.access != INTERNAL:
            return Match(service, route, below)
        return Miss(service, tuple(self._allowed(service, table, below)))

    def _allowed(self, service: str, table: _Table, path: str) -> Iterable[str]:
        for method in self._methods[service]:
            route = table.find(method, path)
            if route is not None and route.access != INTERNAL:
                yield method
                if method == "GET":
                    yield "HEAD"


def _table(routes: Sequence[Route]) -> _Table:
    table = _Table()
    for route in sorted(routes, key=lambda route: len(route.parameters)):
        if route.parameters:
            table.patterns.setdefault(route.method, []).append(route)
        else:
            table.exact[route.method, route.path] = route
    return table
