"""Sections 3 and 10: whose token opens which route, and whose things a customer may touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from scenarios.forging import forgeries
from scenarios.isolation.asking import control, new_name, one, put, told
from scenarios.isolation.others_things import OTHERS_THINGS
from scenarios.platform.journeys import begun
from scenarios.platform.shoppers import Shopper, address, administrator, enrol, sign_in
from sim.checks import token_wall
from sim.checks.facts import until
from sim.checks.journey import judge_journey
from sim.checks.walls import Wall
from sim.errors import Refused, Unreachable
from sim.plan.model import ServerKind
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.answers import Answer
from sim.servers.http_protocol import HttpReply
from sim.services.contract.access import ADMINISTRATOR, CUSTOMER, ROLES
from sim.services.contract.route import Route
from sim.verdict import Verdict

_NEEDS: tuple[ServerKind, ...] = ("gateway", "service")
_OWASP = "OWASP API Security Top 10 2023"
_REVOKED_S = 10.0
_ME = "/api/auth/me"
# The gateway's bucket for one address holds twice as many.
_ASKS_FROM_ONE_ADDRESS = 50
_NO_BODY = frozenset({"GET", "DELETE"})


def _answer(reply: HttpReply) -> Answer:
    if not reply.answered:
        raise Unreachable("The gateway did not answer.", evidence=reply.message)
    return Answer(reply.accepted, str(reply.status))


def _done(reply: HttpReply, what: str) -> HttpReply:
    if not _answer(reply).accepted:
        raise Refused(f"The gateway answered {reply.status} to {what}.", str(reply.status))
    return reply


def _call(stage: Stage, route: Route, token: str, where: str) -> Answer:
    """A route with names nothing has and a body nobody means, so that whoever is let in changes nothing."""
    return _answer(
        stage.servers.gateway().request(
            route.method,
            token_wall.harmless(route),
            json=None if route.method in _NO_BODY else [],
            token=token,
            headers={"X-Forwarded-For": where},
        )
    )


def _try_all(stage: Stage, who: str, routes: tuple[Route, ...], token: str) -> None:
    where = ""
    for number, route in enumerate(routes):
        if number % _ASKS_FROM_ONE_ADDRESS == 0:
            where = address(stage)
        asked = [(route.method, token_wall.path(route))]
        put(stage, who, stage.servers.gateway().name, asked, one(partial(_call, stage, route, token, where)))


def _session_canary(stage: Stage) -> None:
    """A customer's token opens the account while its session lasts, and nothing once it is signed out."""
    shopper = enrol(stage)

    @contextmanager
    def session() -> Iterator[None]:
        yield
        _done(shopper.ask("POST", "/api/auth/logout"), "sign a customer out")
        until(stage, lambda: shopper.ask("GET", _ME).status, lambda status: status == 401, _REVOKED_S)

    control(stage, stage.servers.gateway().name, session, lambda: _answer(shopper.ask("GET", _ME)))


def _give(admin: Shopper, shopper: Shopper, *roles: str) -> None:
    _done(admin.ask("PUT", f"/api/auth/users/{shopper.user_id}/roles", {"roles": list(roles)}), "give roles")


def _published_canary(stage: Stage, admin: Shopper) -> None:
    """A site is found while it exists, and not any more once it was removed."""
    site = new_name(stage, "canary")
    where = f"/api/websites/{site}"
    body = {"name": "Sim canary", "locale": "fr-FR", "currency": "EUR", "hosts": [f"{site}.example.com"]}

    @contextmanager
    def made() -> Iterator[None]:
        _done(admin.ask("PUT", where, body), "make a site")
        try:
            yield
        finally:
            _done(admin.ask("DELETE", where), "remove a site")
            until(stage, lambda: admin.ask("GET", where).status, lambda status: status == 404, _REVOKED_S)

    control(stage, stage.servers.gateway().name, made, lambda: _answer(admin.ask("GET", where)))


@contextmanager
def _everyone(stage: Stage, admin: Shopper) -> Iterator[dict[str, Shopper]]:
    """One account of each role; what was given is taken again."""
    people = {ADMINISTRATOR: admin}
    try:
        for role in ROLES:
            if role not in people:
                people[role] = enrol(stage)
                _give(admin, people[role], role)
                fresh = sign_in(stage, people[role].login)
                people[role] = Shopper(fresh.gateway, fresh.login, fresh.address, people[role].user_id, fresh.token)
        yield people
    finally:
        for role, shopper in people.items():
            if role not in {ADMINISTRATOR, CUSTOMER}:
                _give(admin, shopper, CUSTOMER)


def _strangers(stage: Stage) -> None:
    _session_canary(stage)
    _try_all(stage, token_wall.NOBODY, token_wall.closed(), "")


def _forged(stage: Stage) -> None:
    _session_canary(stage)
    tokens = forgeries(stage, sign_in(stage, administrator(stage)).token)
    for how in token_wall.FORGERIES:
        _try_all(stage, how, token_wall.guarded(), tokens[how])


def _roles(stage: Stage) -> None:
    # A platform that asks for no permission at all is open, not unseen: the control is somebody who signs out.
    _session_canary(stage)
    admin = sign_in(stage, administrator(stage))
    with _everyone(stage, admin) as people:
        for role in ROLES:
            _try_all(stage, role, token_wall.guarded(), people[role].token)


def _internal(stage: Stage) -> None:
    admin = sign_in(stage, administrator(stage))
    _published_canary(stage, admin)
    with _everyone(stage, admin) as people:
        for who in (token_wall.NOBODY, *ROLES):
            _try_all(stage, who, token_wall.internal(), people[who].token if who in people else "")


def _customers(stage: Stage) -> None:
    begun(stage).go(OTHERS_THINGS)


def _scenario(
    name: str,
    claim: str,
    rehearse: Callable[[Stage], None],
    judge: Callable[[Evidence], Verdict],
    source: str,
    *,
    orders: bool = False,
) -> Scenario:
    return Scenario(
        f"isolation/{name}", claim, "3", _NEEDS, told(judge, rehearse), judge, source=source, leaves_a_mark=orders
    )


SCENARIOS = (
    _scenario(
        "tokens-strangers",
        "Without a token nobody calls a route that is not public, of whichever service.",
        _strangers,
        Wall(token_wall.expected_strangers, token_wall.SIGNED, "every closed route asks for a token first"),
        f"{_OWASP}: API2 broken authentication; RFC 6750",
    ),
    _scenario(
        "tokens-forged",
        "No route of any service honours an administrator's token that was forged, altered, unsigned or outlived.",
        _forged,
        Wall(token_wall.expected_forged, token_wall.SIGNED, "tokens that nobody issued open nothing"),
        "RFC 8725: JSON Web Token best current practices",
    ),
    _scenario(
        "tokens-roles",
        "Each role's token opens the routes its permissions name and no other role's.",
        _roles,
        Wall(token_wall.expected_roles, token_wall.PERMITTED, "each role has its own routes alone", token_wall.SIGNED),
        f"{_OWASP}: API5 broken function level authorisation",
    ),
    _scenario(
        "routes-internal",
        "What services ask each other over the broker the gateway publishes to nobody, whatever their role.",
        _internal,
        Wall(token_wall.expected_internal, token_wall.PUBLISHED, "internal routes do not exist at the gateway"),
        f"{_OWASP}: API9 improper inventory management",
    ),
    _scenario(
        "customers",
        "What one customer has (order, delivery, address, basket, ticket, file) does not exist for another.",
        _customers,
        judge_journey(OTHERS_THINGS, "each customer's things are their own"),
        f"{_OWASP}: API1 broken object level authorisation",
        orders=True,
    ),
)
