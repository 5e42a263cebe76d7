"""Every service's routes, read from their ``api`` modules: data alone, no service's code and no driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module

from sim.services.catalogue import SERVICE_MODULES
from sim.services.chassis.ping import ping_route
from sim.services.contract.route import Route


def published_routes(services: Iterable[str]) -> Mapping[str, tuple[Route, ...]]:
    """Service key → its routes, the chassis own among them. Raises KeyError for a key the catalogue does not know."""
    return {key: (*import_module(f"{SERVICE_MODULES[key]}.api").ROUTES, ping_route(key)) for key in services}
