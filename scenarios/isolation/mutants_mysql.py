"""Every grant of a database server, loosened."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from scenarios.isolation import databases, mysql
from scenarios.isolation.asking import new_password
from scenarios.isolation.mutant import Mutant, Probes
from sim.checks.access import ANONYMOUS
from sim.plan.model import ServerSpec
from sim.plan.mysql import EXPORTER_USER
from sim.scenario import Stage
from sim.servers.sql_deeds import ALL, GRANT_OPTION

DATABASES = "isolation/databases"
# What a careless administrator adds, by whom it is given to.
_TO_OWNER = ("SELECT", "FILE", "PROCESS", "SUPER", "CREATE USER", "RELOAD", "REPLICATION CLIENT")
_TO_EXPORTER = ("SELECT", "SUPER", "FILE")
_SERVER_WIDE = "grant a server-wide privilege"


def mutants(stage: Stage) -> Iterator[Mutant]:
    servers = stage.plan.of_kind("mysql")
    for place, server in enumerate(servers):
        yield from _grants(stage, server, servers[(place + 1) % len(servers)])
        yield from _accounts(stage, server, servers[(place + 1) % len(servers)])


def _probe(name: str, server: ServerSpec) -> Probes:
    return {f"isolation/mysql-{name}": partial(mysql.OBSERVERS[name], server=server)}


def _grants(stage: Stage, server: ServerSpec, another: ServerSpec) -> Iterator[Mutant]:
    own, schema = server.facts["user"], server.facts["schema"]
    statements, table = _probe("statements", server), _probe("grants", server)
    for given, operator, probes in (
        ((own, ALL, f"{another.facts['schema']}.*"), "grant another's schema", table),
        ((own, "SELECT", "mysql.*"), "grant a system schema", statements),
        ((own, GRANT_OPTION, f"{schema}.*"), "let rights be passed on", statements),
        ((EXPORTER_USER, "SELECT", f"{schema}.*"), "grant the exporter data", statements),
        ((own, "SHOW DATABASES", "*.*"), _SERVER_WIDE, table),
        *(((own, privilege, "*.*"), _SERVER_WIDE, statements) for privilege in _TO_OWNER),
        *(((EXPORTER_USER, privilege, "*.*"), _SERVER_WIDE, statements) for privilege in _TO_EXPORTER),
    ):
        yield _grant(stage, server, given, operator, probes)


def _grant(stage: Stage, server: ServerSpec, given: tuple[str, str, str], operator: str, probes: Probes) -> Mutant:
    """``given`` is (user, privilege, on)."""
    user, privilege, on = given
    wall = stage.servers.sql_wall(server.name)
    return Mutant(
        f"{server.name}: grant {privilege} on {on} to {user}",
        operator,
        server.name,
        partial(wall.grant, user, "%", privilege, on),
        partial(wall.revoke, user, "%", privilege, on),
        probes,
    )


def _accounts(stage: Stage, server: ServerSpec, another: ServerSpec) -> Iterator[Mutant]:
    """Accounts that should not be, each with a password somebody has."""
    root = stage.servers.secret(server.facts["root_password_secret"])
    foreign = stage.servers.secret(another.facts["password_secret"])
    roots, accounts = _probe("root", server), _probe("accounts", server)
    nameless: Probes = {DATABASES: partial(databases.knock_as, server=server, users=(ANONYMOUS,))}
    for user, host, password, operator, probes in (
        ("root", "%", root, "let root in from afar", roots),
        ("root", "10.%", root, "let root in from one network", accounts),
        ("", "%", "", "make a nameless account", nameless),
        (another.facts["user"], "%", foreign, "make another's account", accounts),
        ("sim_stranger", "%", new_password(), "make an account nobody planned", accounts),
    ):
        wall = stage.servers.sql_wall(server.name)
        yield Mutant(
            f"{server.name}: make the account '{user}'@'{host}'",
            operator,
            server.name,
            partial(wall.make_account, user, host, password),
            partial(wall.drop_account, user, host),
            probes,
        )
    yield _let_in(stage, server, another.facts["user"], foreign)


def _let_in(stage: Stage, server: ServerSpec, user: str, password: str) -> Mutant:
    """Another's user with an account here, and rights on what is here."""
    wall = stage.servers.sql_wall(server.name)

    def loosen() -> None:
        wall.make_account(user, "%", password)
        wall.grant(user, "%", "SELECT", f"{server.facts['schema']}.*")

    probes: Probes = {DATABASES: partial(databases.knock_as, server=server, users=(user,))}
    undo = partial(wall.drop_account, user, "%")
    return Mutant(f"{server.name}: let {user} in", "let another's user in", server.name, loosen, undo, probes)
