"""Who may call which route, by the contract's access of each route and each role's permissions (sections 3 and 10)."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Mapping

from sim.checks.walls import Access, Codes, Question
from sim.scenario import Evidence
from sim.services.catalogue import SERVICE_MODULES
from sim.services.contract.access import ROLES
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route

NOBODY = "nobody"
FORGERIES = ("forged", "promoted", "unsigned", "expired", "elsewhere", "imposter")
"""A signature by another key, claims changed, no signature, out of date, for another audience, from another issuer."""

_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_UUID = "00000000-0000-4000-8000-000000000000"
_NAMED: Mapping[str, str] = {"sku": "SIM-NO-SUCH", "tracking_code": "NOSUCHCODE"}
_BY_NAME = frozenset({"name", "site", "host", "service"})

# Past the gateway's door: done, not found, not understood, in conflict, not built yet.
_SERVED = frozenset({"200", "201", "202", "204", "400", "404", "409", "413", "415", "422", "501"})
SIGNED = Codes(_SERVED | {"403"}, frozenset({"401"}))
"""Whether a caller counts as somebody."""
PERMITTED = Codes(_SERVED, frozenset({"403"}))
"""Whether somebody may; 401 would mean the probe's own token was no good."""
PUBLISHED = Codes((_SERVED - {"404"}) | {"401", "403"}, frozenset({"404", "405"}))
"""Whether the gateway knows of a route at all; 405 is said of a path that another method has."""


@functools.cache
def routes() -> tuple[Route, ...]:
    """Every route of the contract."""
    return tuple(r for module in SERVICE_MODULES.values() for r in importlib.import_module(f"{module}.api").ROUTES)


def path(route: Route) -> str:
    """As the gateway publishes it."""
    return f"/api/{route.service}{route.path}"


def harmless(route: Route) -> str:
    """Its path with names that nothing has, so that whoever is let in changes nothing."""

    def nothing(match: re.Match[str]) -> str:
        name = match[1]
        return _NAMED.get(name) or ("sim-none" if name in _BY_NAME else _UUID)

    return _PARAMETER.sub(nothing, path(route))


def guarded() -> tuple[Route, ...]:
    """Those that take a permission."""
    return tuple(route for route in routes() if route.access not in {PUBLIC, SIGNED_IN, INTERNAL})


def closed() -> tuple[Route, ...]:
    """Those that take a token."""
    return tuple(route for route in routes() if route.access not in {PUBLIC, INTERNAL})


def internal() -> tuple[Route, ...]:
    return tuple(route for route in routes() if route.access == INTERNAL)


def _question(who: str, route: Route, evidence: Evidence) -> Question:
    return Question(who, route.method, path(route), evidence.topology.gateway.name)


def expected_strangers(evidence: Evidence) -> Mapping[Question, Access]:
    return {_question(NOBODY, route, evidence): Access.REFUSED for route in closed()}


def expected_forged(evidence: Evidence) -> Mapping[Question, Access]:
    return {_question(how, route, evidence): Access.REFUSED for how in FORGERIES for route in guarded()}


def expected_roles(evidence: Evidence) -> Mapping[Question, Access]:
    return {
        _question(role, route, evidence): Access.LET_IN if route.access in permissions else Access.REFUSED
        for role, permissions in ROLES.items()
        for route in guarded()
    }


def expected_internal(evidence: Evidence) -> Mapping[Question, Access]:
    return {_question(who, route, evidence): Access.REFUSED for who in (NOBODY, *ROLES) for route in internal()}
