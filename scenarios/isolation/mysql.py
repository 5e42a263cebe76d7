"""Sections 5 and 10: what an account of a database server can do, see and take there, tried over an open network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from scenarios.isolation.asking import control, new_password, one, put, told
from sim.checks import sql_wall
from sim.checks.facts import Fact, ask
from sim.checks.walls import SQL, Wall, controlled
from sim.plan.model import ServerSpec
from sim.plan.mysql import EXPORTER_SECRET, EXPORTER_USER
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.answers import Answer
from sim.servers.sql_deeds import DEEDS
from sim.verdict import Verdict

_MANUAL = "MySQL 8.0 Reference Manual"


def canary(stage: Stage) -> None:
    """An account that should not be is made on one server, seen to open it, dropped, seen refused."""
    user, password = f"canary_{stage.rng.getrandbits(40):010x}", new_password()
    names = [server.name for server in stage.plan.of_kind("mysql")]
    for name in stage.rng.sample(names, len(names)):
        server = stage.servers.sql(name)
        opened = partial(_account, stage, name, user, password)
        if control(stage, name, opened, partial(server.login, user, password)):
            return


@contextmanager
def _account(stage: Stage, name: str, user: str, password: str) -> Iterator[None]:
    server = stage.servers.sql(name)
    try:
        server.create_account(user, password, stage.plan.server(name).facts["schema"])
        yield
    finally:
        server.drop_account(user)


class Observer(Protocol):
    """Asks one server."""

    def __call__(self, stage: Stage, server: ServerSpec) -> None: ...


def _on_each(observe: Observer) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        canary(stage)
        for server in stage.plan.of_kind("mysql"):
            observe(stage, server)

    return rehearse


def _logins(stage: Stage, server: ServerSpec) -> Mapping[str, str]:
    """Account that may come over the network → password."""
    facts = server.facts
    return {
        facts["user"]: stage.servers.secret(facts["password_secret"]),
        EXPORTER_USER: stage.servers.secret(EXPORTER_SECRET),
    }


def _statements(stage: Stage, server: ServerSpec) -> None:
    wall, schema = stage.servers.sql_wall(server.name), server.facts["schema"]
    asked = [(deed.name, "") for deed in DEEDS]
    for user, password in _logins(stage, server).items():
        put(stage, user, server.name, asked, partial(wall.attempts, user, password, schema, DEEDS))


def _views(stage: Stage, server: ServerSpec) -> None:
    wall, own = stage.servers.sql_wall(server.name), server.facts["schema"]
    another = f"sim_another_{stage.rng.getrandbits(40):010x}"
    asked = [
        (sql_wall.SEE, schema) for schema in (own, *sql_wall.SYSTEM_SCHEMAS, sql_wall.ANOTHERS, sql_wall.ANY_OTHER)
    ]

    def seen(user: str, password: str) -> tuple[Answer, ...]:
        visible = set(wall.visible_schemas(user, password)) - {"information_schema", "performance_schema"}
        other = visible - {own, another, *sql_wall.SYSTEM_SCHEMAS}
        return tuple(
            _shown(there) for there in (*(s in visible for s in (own, *sql_wall.SYSTEM_SCHEMAS, another)), other)
        )

    def make() -> bool:
        wall.make_schema(another)
        return True

    made = ask(stage, "another-schema", server.name, make)
    try:
        for user, password in _logins(stage, server).items():
            if made:
                put(stage, user, server.name, asked, partial(seen, user, password))
    finally:
        if made:
            wall.drop_schema(another)


def _shown(there: object) -> Answer:
    return Answer(accepted=bool(there), code="0" if there else "1044")


def _root(stage: Stage, server: ServerSpec) -> None:
    client = stage.servers.sql(server.name)
    servers = stage.plan.of_kind("mysql")
    another = servers[(servers.index(server) + 1) % len(servers)]
    names = (
        server.facts["root_password_secret"],
        "",
        another.facts["root_password_secret"],
        server.facts["password_secret"],
    )
    for how, name in zip(sql_wall.ROOT_PASSWORDS, names, strict=True):
        password = stage.servers.secret(name) if name else ""
        for schema in ("", "mysql"):
            knock = partial(client.login, sql_wall.ROOT, password, schema or None)
            put(stage, sql_wall.ROOT, server.name, [(f"{sql_wall.LOG_IN} with {how}", schema)], one(knock))


def _accounts(stage: Stage, server: ServerSpec) -> None:
    ask(stage, "accounts", server.name, stage.servers.sql(server.name).accounts)


def _grants(stage: Stage, server: ServerSpec) -> None:
    sql = stage.servers.sql(server.name)

    def grants() -> Mapping[str, Any]:
        return {f"{a.user}@{a.host}": sql.grants(a.user, a.host) for a in sql.accounts() if a.host != "localhost"}

    ask(stage, "grants", server.name, grants)


OBSERVERS: Mapping[str, Observer] = {
    "root": _root,
    "accounts": _accounts,
    "grants": _grants,
    "statements": _statements,
    "foreign-schemas": _views,
}
"""Scenario, without its group and kind → what it asks of one server."""


def _scenario(name: str, claim: str, judge: Callable[[Evidence], Verdict], source: str) -> Scenario:
    rehearse = _on_each(OBSERVERS[name])
    return Scenario(f"isolation/mysql-{name}", claim, "10", ("mysql",), told(judge, rehearse), judge, source=source)


SCENARIOS = (
    _scenario(
        "root",
        "Root enters no database server from afar: not with its own password, another's, or none.",
        Wall(sql_wall.expected_root, SQL, "root is refused from afar, whatever it knows"),
        f"{_MANUAL}: securing the initial accounts; the image's MYSQL_ROOT_HOST defaults to %",
    ),
    _scenario(
        "accounts",
        "Every account on every database server is accounted for: its service's, the exporter's, the server's own.",
        controlled(
            Fact("accounts", "5", sql_wall.expected_accounts, sql_wall.accounts_problem, "no account but these"), SQL
        ),
        f"{_MANUAL}: reserved accounts",
    ),
    _scenario(
        "grants",
        "What each account reachable from afar is granted is the documented set, word for word: nothing server-wide.",
        controlled(Fact("grants", "5", sql_wall.expected_grants, sql_wall.grants_problem, "grants as documented"), SQL),
        f"{_MANUAL}: SHOW GRANTS",
    ),
    _scenario(
        "statements",
        "No account reads system tables or files, changes the server, makes accounts or passes its rights on.",
        Wall(sql_wall.expected_deeds, SQL, "each account does its work and nothing beside it"),
        f"{_MANUAL}: privileges provided by MySQL",
    ),
    _scenario(
        "foreign-schemas",
        "An account is not shown that other schemas exist, even where one was put beside its own.",
        Wall(sql_wall.expected_views, SQL, "each account is shown its own schema alone"),
        f"{_MANUAL}: INFORMATION_SCHEMA and privileges",
    ),
)
