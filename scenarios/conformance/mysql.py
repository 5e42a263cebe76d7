"""Section 5: the eleven MySQL servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.checks import tables
from sim.checks.facts import (
    Fact,
    accepted,
    ask,
    equals,
    every,
    exactly,
    observe_state,
    refused,
    running,
    setting,
)
from sim.plan.model import ServerSpec
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import SqlServer

_SECTION = "5"
_SYSTEM_SCHEMAS = {"information_schema", "mysql", "performance_schema", "sys"}
# The exporter is documented (section 5) and can only read status with these.
_EXPORTER = "exporter"
_EXPORTER_PRIVILEGES = "PROCESS, REPLICATION CLIENT"


def _each(observe: Callable[[Stage, ServerSpec, SqlServer], None]) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        for spec in stage.plan.of_kind("mysql"):
            observe(stage, spec, stage.servers.sql(spec.name))

    return rehearse


def _scenario(name: str, claim: str, rehearse: Callable[[Stage], None], judge: Callable[..., Any]) -> Scenario:
    return Scenario(f"conformance/databases-{name}", claim, _SECTION, ("mysql",), rehearse, judge)


def _answer(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    observe_state(stage, spec.name)
    _own_login(stage, spec, sql)


def _own_login(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    password = stage.servers.secret(spec.facts["password_secret"])
    ask(stage, "login", spec.name, lambda: sql.login(spec.facts["user"], password, spec.facts["schema"]))


_LOGGED_IN = Fact(
    "login", _SECTION, lambda e: tables.on_databases(e, None), accepted, "the documented user opens its own database"
)


def _version(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    ask(stage, "version", spec.name, sql.version)


def _version_problem(observed: Any, documented: Any) -> str:
    return "" if tables.is_documented_version(observed, documented) else f"runs {observed}, not {documented.documented}"


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
    _own_login(stage, spec, sql)
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


def _variables(*names: str) -> Callable[[Stage, ServerSpec, SqlServer], None]:
    def observe(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
        ask(stage, "variables", spec.name, lambda: sql.variables(*names))

    return observe


def _variable(name: str, documented: Callable[[Evidence], Any], holds: str) -> Fact:
    return Fact("variables", _SECTION, lambda e: tables.on_databases(e, documented(e)), setting(name), holds)


def _binary_log(evidence: Evidence) -> str:
    off = {"--skip-log-bin", "--disable-log-bin"} & set(evidence.topology.database_server.args)
    return "OFF" if off else "ON"


def _round_trip(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    password = stage.servers.secret(spec.facts["password_secret"])
    value = f"{spec.facts['schema']}-{stage.rng.getrandbits(64):016x}"
    user, schema = spec.facts["user"], spec.facts["schema"]
    ask(stage, "round-trip", spec.name, lambda: sql.round_trip(user, password, schema, value) == value)


SCENARIOS = (
    _scenario(
        "answer",
        "Each service's own MySQL server lets the documented user into the documented database.",
        _each(_answer),
        every(running(_SECTION, lambda e: tables.on_databases(e, "running")), _LOGGED_IN),
    ),
    _scenario(
        "version",
        "Every database server runs MySQL of the documented release line.",
        _each(_version),
        Fact(
            "version",
            _SECTION,
            lambda e: tables.on_databases(e, e.images["mysql"]) if "mysql" in e.images else {},
            _version_problem,
            "the documented release line runs",
            excused=lambda e, _observed, _documented: tables.not_the_documented_image(e, "mysql"),
        ),
    ),
    _scenario(
        "own-schema",
        "A database server holds its own service's database and nobody else's (C1).",
        _each(_schemas),
        Fact(
            "schemas",
            _SECTION,
            lambda e: {name: [d.schema_name] for name, d in tables.databases(e).items()},
            exactly("databases"),
            "one database each, the documented one",
        ),
    ),
    _scenario(
        "own-user",
        "The only account that can reach a database server from afar is its service's own, beside the exporter's.",
        _each(_accounts),
        Fact(
            "accounts",
            _SECTION,
            lambda e: {name: [f"{d.user}@%"] for name, d in tables.databases(e).items()},
            _remote_accounts,
            "the documented user and no other",
        ),
    ),
    _scenario(
        "user-grants",
        "A service's user holds every privilege on its own database and none elsewhere.",
        _each(_own_grants),
        Fact("grants", _SECTION, _documented_grants, _grants_problem, "exactly the documented grants"),
    ),
    _scenario(
        "no-global-privileges",
        "No account reachable from afar holds server-wide privileges or may pass its own on.",
        _each(_remote_grants),
        Fact(
            "remote-grants",
            _SECTION,
            lambda e: tables.on_databases(e, None),
            _global_privileges,
            "no server-wide privilege, no grant option",
        ),
    ),
    _scenario(
        "no-remote-root",
        "Root cannot log in over the network, not even with its own password.",
        _each(_remote_root),
        every(
            Fact(
                "login-root", _SECTION, lambda e: tables.on_databases(e, ("1045", "1130")), refused, "root is refused"
            ),
            Fact("accounts", _SECTION, lambda e: tables.on_databases(e, None), _root_accounts, "root is local only"),
        ),
    ),
    _scenario(
        "no-anonymous-accounts",
        "No database server has an account without a name.",
        _each(_accounts),
        Fact("accounts", _SECTION, lambda e: tables.on_databases(e, None), _anonymous_accounts, "no nameless account"),
    ),
    _scenario(
        "wrong-password",
        "A wrong password is turned away where the right one opens.",
        _each(_wrong_password),
        every(
            _LOGGED_IN,
            Fact(
                "login-wrong-password",
                _SECTION,
                lambda e: tables.on_databases(e, ("1045",)),
                refused,
                "a wrong password is refused (1045)",
            ),
        ),
    ),
    _scenario(
        "authentication-plugin",
        "Services' users authenticate with the plugin that the documented server flag names (C2).",
        _each(_accounts),
        Fact(
            "accounts",
            _SECTION,
            _documented_plugin,
            _plugin,
            "the documented authentication plugin",
            excused=_plugin_gone,
        ),
    ),
    _scenario(
        "binary-log",
        "The binary log is off, as the documented server flag asks (C6).",
        _each(_variables("log_bin")),
        _variable("log_bin", _binary_log, "the binary log is off"),
    ),
    _scenario(
        "port",
        "Each database server listens on the documented MySQL port.",
        _each(_variables("port")),
        _variable("port", lambda e: e.topology.database_server.port, "the documented port"),
    ),
    _scenario(
        "data-directory",
        "Data lies under the path where the documented volume is mounted.",
        _each(_variables("datadir")),
        _variable("datadir", lambda e: f"{e.topology.database_server.data_path.rstrip('/')}/", "the documented path"),
    ),
    _scenario(
        "durability",
        "A commit is on disk before it is acknowledged: nothing here was made quick by making it unsafe.",
        _each(_variables("innodb_flush_log_at_trx_commit", "innodb_doublewrite")),
        every(
            _variable("innodb_flush_log_at_trx_commit", lambda _: "1", "the log is flushed at each commit"),
            _variable("innodb_doublewrite", lambda _: "ON", "pages are written twice"),
        ),
    ),
    _scenario(
        "commit-read-back",
        "What a service commits to its database is read back over another connection.",
        _each(_round_trip),
        Fact(
            "round-trip",
            _SECTION,
            lambda e: tables.on_databases(e, True),  # noqa: FBT003 - the documented value is a truth
            equals("a committed row read back"),
            "a committed row was read back",
        ),
    ),
)
