"""Section 5: whose databases the servers hold, and who may enter them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenarios.conformance.mysql import LOGGED_IN, database_scenario, each_database, own_login
from sim.checks import tables
from sim.checks.facts import (
    Fact,
    ask,
    equals,
    every,
    exactly,
    refused,
)
from sim.plan.model import ServerSpec
from sim.scenario import Evidence, Stage
from sim.servers.protocol import SqlServer

_SECTION = "5"

_SYSTEM_SCHEMAS = {"information_schema", "mysql", "performance_schema", "sys"}


# The exporter is documented (section 5) and can only read status with these.
_EXPORTER = "exporter"


_EXPORTER_PRIVILEGES = "PROCESS, REPLICATION CLIENT"


def _schemas(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    ask(stage, "schemas", spec.name, lambda: sorted(set(sql.schemas()) - _SYSTEM_SCHEMAS))


def _accounts(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    ask(stage, "accounts", spec.name, sql.accounts)


def _remote_accounts(observed: Any, documented: Any) -> str:
    remote = [f"{account['user']}@{account['host']}" for account in observed if account["host"] != "localhost"]
    return exactly("remote accounts")([account for account in remote if account != f"{_EXPORTER}@%"], documented)


def _anonymous_accounts(observed: Any, _documented: Any) -> str:
    nameless = [f"''@{account['host']}" for account in observed if not account["user"]]
    return f"anonymous accounts {', '.join(nameless)}, documented none" if nameless else ""


def _root_accounts(observed: Any, _documented: Any) -> str:
    remote = [f"root@{a['host']}" for a in observed if a["user"] == "root" and a["host"] != "localhost"]
    return f"{', '.join(remote)} may log in from afar, documented local root only" if remote else ""


def _remote_root(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    password = stage.servers.secret(spec.facts["root_password_secret"])
    ask(stage, "login-root", spec.name, lambda: sql.login("root", password))
    _accounts(stage, spec, sql)


def _wrong_password(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    own_login(stage, spec, sql)
    guess = f"wrong-{stage.rng.getrandbits(64):016x}"
    ask(stage, "login-wrong-password", spec.name, lambda: sql.login(spec.facts["user"], guess, spec.facts["schema"]))


def _own_grants(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    ask(stage, "grants", spec.name, lambda: sql.grants(spec.facts["user"]))


def _documented_grants(evidence: Evidence) -> Mapping[str, Any]:
    return {
        name: [f"USAGE ON *.* TO {d.user}@%", f"ALL PRIVILEGES ON {d.schema_name}.* TO {d.user}@%"]
        for name, d in tables.databases(evidence).items()
    }


def _bare(grant: str) -> str:
    """``SHOW GRANTS`` without its quoting, which differs between releases."""
    return grant.removeprefix("GRANT ").translate(str.maketrans("", "", "`'\\"))


def _grants_problem(observed: Any, documented: Any) -> str:
    return exactly("grants")([_bare(grant) for grant in observed], documented)


def _remote_grants(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    """Every account that can come in over the network, with what it may do."""

    def grants() -> dict[str, tuple[str, ...]]:
        remote = [account for account in sql.accounts() if account.host != "localhost"]
        return {f"{a.user}@{a.host}": sql.grants(a.user, a.host) for a in remote}

    ask(stage, "remote-grants", spec.name, grants)


def _global_privileges(observed: Any, _documented: Any) -> str:
    allowed = {f"{_EXPORTER_PRIVILEGES} ON *.* TO {_EXPORTER}@%"}
    held = [_bare(grant) for grants in observed.values() for grant in grants]
    wide = [g for g in held if " ON *.* " in g and not g.startswith("USAGE ") and g not in allowed]
    passed_on = [g for g in held if "GRANT OPTION" in g and g not in wide]
    return f"held beyond one database: {'; '.join([*wide, *passed_on])}" if wide or passed_on else ""


def _plugin(observed: Any, documented: Any) -> str:
    user, plugin = documented
    found = [account["plugin"] for account in observed if account["user"] == user and account["host"] == "%"]
    return equals(f"the authentication plugin of {user}")(found, [plugin])


def _documented_plugin(evidence: Evidence) -> Mapping[str, Any]:
    flag = "--default-authentication-plugin="
    plugins = [a.removeprefix(flag) for a in evidence.topology.database_server.args if a.startswith(flag)]
    return {name: (d.user, plugins[0]) for name, d in tables.databases(evidence).items() if plugins}


def _plugin_gone(evidence: Evidence, _observed: Any, _documented: Any) -> str:
    image = evidence.images.get("mysql")
    if image is None or image.software != "mysql" or image.version_tuple < (8, 4):
        return ""
    return f"mysql {image.version} no longer knows the documented flag (C2)"


SCENARIOS = (
    database_scenario(
        "own-schema",
        "A database server holds its own service's database and nobody else's (C1).",
        each_database(_schemas),
        Fact(
            "schemas",
            _SECTION,
            lambda e: {name: [d.schema_name] for name, d in tables.databases(e).items()},
            exactly("databases"),
            "one database each, the documented one",
        ),
    ),
    database_scenario(
        "own-user",
        "The only account that can reach a database server from afar is its service's own, beside the exporter's.",
        each_database(_accounts),
        Fact(
            "accounts",
            _SECTION,
            lambda e: {name: [f"{d.user}@%"] for name, d in tables.databases(e).items()},
            _remote_accounts,
            "the documented user and no other",
        ),
    ),
    database_scenario(
        "user-grants",
        "A service's user holds every privilege on its own database and none elsewhere.",
        each_database(_own_grants),
        Fact("grants", _SECTION, _documented_grants, _grants_problem, "exactly the documented grants"),
    ),
    database_scenario(
        "no-global-privileges",
        "No account reachable from afar holds server-wide privileges or may pass its own on.",
        each_database(_remote_grants),
        Fact(
            "remote-grants",
            _SECTION,
            lambda e: tables.on_databases(e, None),
            _global_privileges,
            "no server-wide privilege, no grant option",
        ),
    ),
    database_scenario(
        "no-remote-root",
        "Root cannot log in over the network, not even with its own password.",
        each_database(_remote_root),
        every(
            Fact(
                "login-root", _SECTION, lambda e: tables.on_databases(e, ("1045", "1130")), refused, "root is refused"
            ),
            Fact("accounts", _SECTION, lambda e: tables.on_databases(e, None), _root_accounts, "root is local only"),
        ),
    ),
    database_scenario(
        "no-anonymous-accounts",
        "No database server has an account without a name.",
        each_database(_accounts),
        Fact("accounts", _SECTION, lambda e: tables.on_databases(e, None), _anonymous_accounts, "no nameless account"),
    ),
    database_scenario(
        "wrong-password",
        "A wrong password is turned away where the right one opens.",
        each_database(_wrong_password),
        every(
            LOGGED_IN,
            Fact(
                "login-wrong-password",
                _SECTION,
                lambda e: tables.on_databases(e, ("1045",)),
                refused,
                "a wrong password is refused (1045)",
            ),
        ),
    ),
    database_scenario(
        "authentication-plugin",
        "Services' users authenticate with the plugin that the documented server flag names (C2).",
        each_database(_accounts),
        Fact(
            "accounts",
            _SECTION,
            _documented_plugin,
            _plugin,
            "the documented authentication plugin",
            excused=_plugin_gone,
        ),
    ),
)
