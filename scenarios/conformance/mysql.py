"""Section 5: the eleven MySQL servers, their settings and their promises about data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.checks import tables
from sim.checks.facts import (
    Fact,
    accepted,
    ask,
    equals,
    every,
    observe_state,
    running,
    setting,
)
from sim.plan.model import ServerSpec
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import SqlServer

_SECTION = "5"


def each_database(observe: Callable[[Stage, ServerSpec, SqlServer], None]) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        for spec in stage.plan.of_kind("mysql"):
            observe(stage, spec, stage.servers.sql(spec.name))

    return rehearse


def database_scenario(name: str, claim: str, rehearse: Callable[[Stage], None], judge: Callable[..., Any]) -> Scenario:
    return Scenario(f"conformance/databases-{name}", claim, _SECTION, ("mysql",), rehearse, judge)


def _answer(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    observe_state(stage, spec.name)
    own_login(stage, spec, sql)


def own_login(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    password = stage.servers.secret(spec.facts["password_secret"])
    ask(stage, "login", spec.name, lambda: sql.login(spec.facts["user"], password, spec.facts["schema"]))


LOGGED_IN = Fact(
    "login", _SECTION, lambda e: tables.on_databases(e, None), accepted, "the documented user opens its own database"
)


def _version(stage: Stage, spec: ServerSpec, sql: SqlServer) -> None:
    ask(stage, "version", spec.name, sql.version)


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
    database_scenario(
        "answer",
        "Each service's own MySQL server lets the documented user into the documented database.",
        each_database(_answer),
        every(running(_SECTION, lambda e: tables.on_databases(e, "running")), LOGGED_IN),
    ),
    database_scenario(
        "version",
        "Every database server runs MySQL of the documented release line.",
        each_database(_version),
        Fact(
            "version",
            _SECTION,
            lambda e: tables.on_databases(e, e.images["mysql"]) if "mysql" in e.images else {},
            tables.release_line,
            "the documented release line runs",
            excused=lambda e, _observed, _documented: tables.not_the_documented_image(e, "mysql"),
        ),
    ),
    database_scenario(
        "binary-log",
        "The binary log is off, as the documented server flag asks (C6).",
        each_database(_variables("log_bin")),
        _variable("log_bin", _binary_log, "the binary log is off"),
    ),
    database_scenario(
        "port",
        "Each database server listens on the documented MySQL port.",
        each_database(_variables("port")),
        _variable("port", lambda e: e.topology.database_server.port, "the documented port"),
    ),
    database_scenario(
        "data-directory",
        "Data lies under the path where the documented volume is mounted.",
        each_database(_variables("datadir")),
        _variable("datadir", lambda e: f"{e.topology.database_server.data_path.rstrip('/')}/", "the documented path"),
    ),
    database_scenario(
        "durability",
        "A commit is on disk before it is acknowledged: nothing here was made quick by making it unsafe.",
        each_database(_variables("innodb_flush_log_at_trx_commit", "innodb_doublewrite")),
        every(
            _variable("innodb_flush_log_at_trx_commit", lambda _: "1", "the log is flushed at each commit"),
            _variable("innodb_doublewrite", lambda _: "ON", "pages are written twice"),
        ),
    ),
    database_scenario(
        "commit-read-back",
        "What a service commits to its database is read back over another connection.",
        each_database(_round_trip),
        Fact(
            "round-trip",
            _SECTION,
            lambda e: tables.on_databases(e, True),  # noqa: FBT003 - the documented value is a truth
            equals("a committed row read back"),
            "a committed row was read back",
        ),
    ),
)
