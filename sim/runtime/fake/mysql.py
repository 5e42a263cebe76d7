"""MySQL in memory: accounts, grants, schemas and variables, booted from the plan's flags and init file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.errors import Refused, RigError
from sim.plan.model import ServerSpec
from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.shelves import FakeEntries, FakeShelf
from sim.servers.protocol import Account, Answer
from sim.servers.shelf import Shelf

SYSTEM_SCHEMAS = ("information_schema", "mysql", "performance_schema", "sys")
_NATIVE_PASSWORD_GONE = (8, 4)
_DEFAULTS = {
    "innodb_flush_log_at_trx_commit": "1",
    "innodb_doublewrite": "ON",
    "sync_binlog": "1",
    "log_bin": "ON",
    "max_connections": "151",
}
_TRANSACTION_S = 0.005
_OFF_SWITCHES = {"skip_log_bin": "log_bin", "disable_log_bin": "log_bin"}


@dataclass(slots=True)
class FakeAccount:
    """One row of ``mysql.user``. ``grants`` are (privileges, object) pairs, with ``GRANT OPTION`` spelled out."""

    password: str
    plugin: str
    grants: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class FakeMySqlState:
    """What is on the server's disk and in its settings. With ``skip_grant_tables`` on, everybody may do everything.

    ``sessions`` tells who is connected, ``tables`` how many rows (schema, table) has at present; ``held`` are the first
    columns of those that sessions made. ``loses_rows``: what is inserted is not there.
    """

    version: str
    variables: dict[str, str]
    schemas: set[str]
    accounts: dict[tuple[str, str], FakeAccount]
    rows: dict[str, list[str]] = field(default_factory=dict)
    sessions: Callable[[], Mapping[str, int]] = dict
    tables: dict[tuple[str, str], Callable[[], int]] = field(default_factory=dict)
    held: dict[tuple[str, str], set[Any]] = field(default_factory=dict)
    loses_rows: bool = False
    booted: Mapping[str, str] = field(default_factory=dict)
    entries: FakeEntries = field(init=False)

    def __post_init__(self) -> None:
        self.entries = FakeEntries(self._forgets_s)

    def _forgets_s(self) -> float:
        """Written out once a second unless at each commit (``innodb_flush_log_at_timeout``)."""
        return 1.0 if self.variables.get("innodb_flush_log_at_trx_commit") == "0" else 0.0

    def die(self, now_s: float) -> None:
        self.entries.die(now_s)
        self.variables = dict(self.booted)


def boot(spec: ServerSpec, substitute: Callable[[str], str]) -> FakeMySqlState:
    """Read flags and init file as mysqld does."""
    modern = spec.image.version_tuple >= _NATIVE_PASSWORD_GONE
    variables = {**_DEFAULTS, "datadir": f"{spec.data_path}/", "hostname": spec.hostname, "version": spec.image.version}
    variables["port"] = str(spec.port("mysql").number)
    if not modern:
        variables["default_authentication_plugin"] = "caching_sha2_password"
    init_sql = ""
    for argument in spec.command[1:]:
        name, _, value = argument.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if name == "init_file":
            init_sql = next((f.content for f in spec.files if f.path == value), "")
        elif name in _OFF_SWITCHES:
            variables[_OFF_SWITCHES[name]] = "OFF"
        else:
            variables[name] = value or "ON"
    plugin = variables.get("default_authentication_plugin", "caching_sha2_password")
    locked = {
        (user, "localhost"): FakeAccount("", "caching_sha2_password") for user in ("mysql.infoschema", "mysql.sys")
    }
    root = FakeAccount("", plugin, [("ALL PRIVILEGES", "*.*"), ("GRANT OPTION", "*.*")])
    state = FakeMySqlState(spec.image.version, variables, set(SYSTEM_SCHEMAS), {**locked, ("root", "localhost"): root})
    for line in substitute(init_sql).splitlines():
        if line.strip():
            _execute(state, line.strip().rstrip(";"), plugin)
    state.booted = dict(variables)
    return state


def _execute(state: FakeMySqlState, statement: str, plugin: str) -> None:
    """The statements an init file may hold. Raises RigError for any other: a model must not guess."""
    account = r"'([^']+)'@'([^']+)'"
    if match := re.fullmatch(r"CREATE DATABASE (?:IF NOT EXISTS )?`?(\w+)`?", statement):
        state.schemas.add(match[1])
    elif match := re.fullmatch(rf"CREATE USER (?:IF NOT EXISTS )?{account} IDENTIFIED BY '(.*)'", statement):
        state.accounts.setdefault((match[1], match[2]), FakeAccount(match[3], plugin))
    elif match := re.fullmatch(rf"ALTER USER {account} IDENTIFIED BY '(.*)'", statement):
        state.accounts[match[1], match[2]].password = match[3]
    elif match := re.fullmatch(rf"GRANT (.+) ON (\S+) TO {account}", statement):
        if (match[3], match[4]) not in state.accounts:
            raise RigError("ERROR 1410 (42000): You are not allowed to create a user with GRANT", evidence=statement)
        state.accounts[match[3], match[4]].grants.append((match[1], match[2].replace("`", "")))
    elif statement != "FLUSH PRIVILEGES":
        raise RigError(
            f"The in-memory MySQL does not know this statement: {statement.split(' IDENTIFIED', maxsplit=1)[0]}"
        )


class FakeSqlServer:
    """The client of one in-memory MySQL."""

    def __init__(self, spec: ServerSpec, state: FakeMySqlState, processes: FakeProcesses) -> None:
        self.name = spec.name
        self._state = state
        self._processes = processes

    def _reached(self) -> FakeMySqlState:
        self._processes.require(self.name)
        return self._state

    def login(self, user: str, password: str, database: str | None = None) -> Answer:
        state = self._reached()
        if state.variables.get("skip_grant_tables") == "ON":
            return Answer(accepted=True, code="0")
        account = state.accounts.get((user, "%")) or state.accounts.get(("", "%"))
        if account is None or account.password != password:
            return Answer(accepted=False, code="1045", message=f"Access denied for user '{user}'")
        if database is not None and not any(_covers(target, database) for _, target in account.grants):
            return Answer(accepted=False, code="1044", message=f"Access denied for user '{user}' to '{database}'")
        if database is not None and database not in state.schemas:
            return Answer(accepted=False, code="1049", message=f"Unknown database '{database}'")
        return Answer(accepted=True, code="0")

    def session(self, user: str, password: str, database: str) -> FakeSqlSession:
        answer = self.login(user, password, database)
        if not answer.accepted:
            raise Refused(f"{self.name} refused ({answer.code}).", answer.code, evidence=answer.message)
        return FakeSqlSession(self._state, self._processes, self.name, database)

    def version(self) -> str:
        return self._reached().version

    def variables(self, *names: str) -> Mapping[str, str]:
        known = self._reached().variables
        return {name: known[name] for name in names if name in known}

    def schemas(self) -> tuple[str, ...]:
        return tuple(sorted(self._reached().schemas - set(SYSTEM_SCHEMAS)))

    def accounts(self) -> tuple[Account, ...]:
        known = self._reached().accounts
        return tuple(Account(user, host, account.plugin) for (user, host), account in sorted(known.items()))

    def grants(self, user: str, host: str = "%") -> tuple[str, ...]:
        account = self._reached().accounts.get((user, host))
        return _show_grants(account, user, host) if account else ()

    def round_trip(self, user: str, password: str, database: str, value: str) -> str:
        answer = self.login(user, password, database)
        if not answer.accepted:
            raise Refused(f"{self.name} refused {user} ({answer.code}).", answer.code, evidence=answer.message)
        with self._processes.lock:
            self._state.rows.setdefault(database, []).append(value)
            read = self._state.rows[database][-1]
            del self._state.rows[database]
        return read

    def create_account(self, user: str, password: str, schema: str) -> None:
        state = self._reached()
        with self._processes.lock:
            plugin = state.variables.get("default_authentication_plugin", "caching_sha2_password")
            state.accounts[user, "%"] = FakeAccount(password, plugin, [("ALL PRIVILEGES", f"{schema}.*")])

    def drop_account(self, user: str) -> None:
        state = self._reached()
        with self._processes.lock:
            state.accounts.pop((user, "%"), None)

    def sessions(self) -> Mapping[str, int]:
        return self._reached().sessions()

    def shelf(self, schema: str, table: str) -> Shelf:
        return FakeShelf(self.name, f"{schema}.{table}", self._state.entries, self._processes)

    def set_global(self, name: str, value: str) -> None:
        self._reached().variables[name] = value

    def count(self, schema: str, table: str) -> int:
        found = self._reached().tables.get((schema, table))
        if found is None:
            raise Refused(f"{self.name} refused root (1146).", "1146", evidence=f"Table '{schema}.{table}' is missing")
        return found()


def _covers(target: str, database: str) -> bool:
    return target in {"*.*", f"{database}.*"}


def _show_grants(account: FakeAccount, user: str, host: str) -> tuple[str, ...]:
    """As ``SHOW GRANTS`` prints them: USAGE first when there is no global privilege, grant option as a suffix."""
    option = {target for privileges, target in account.grants if privileges == "GRANT OPTION"}
    lines = [] if any(target == "*.*" for _, target in account.grants) else [f"GRANT USAGE ON *.* TO `{user}`@`{host}`"]
    for privileges, target in account.grants:
        if privileges != "GRANT OPTION":
            schema, _, table = target.partition(".")
            spelled = target if schema == "*" else f"`{schema}`.{table}"
            suffix = " WITH GRANT OPTION" if target in option else ""
            lines.append(f"GRANT {privileges} ON {spelled} TO `{user}`@`{host}`{suffix}")
    return tuple(lines)


class FakeSqlSession:
    """One connection. It knows how many rows a table has, and nothing else of them."""

    def __init__(self, state: FakeMySqlState, processes: FakeProcesses, name: str, schema: str) -> None:
        self._state = state
        self._processes = processes
        self._name = name
        self._schema = schema

    def transact(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        self._processes.require(self._name)
        self._processes.clock.sleep_s(_TRANSACTION_S)
        rows = self._state.held
        for sql, values in statements:
            table = (self._schema, _table_of(sql))
            if sql.startswith("CREATE TABLE"):
                rows[table] = set()
                self._state.tables[table] = lambda table=table: len(rows.get(table, ()))  # type: ignore[misc]
            elif sql.startswith("INSERT") and not self._state.loses_rows:
                rows[table].add(values[0])
            elif sql.startswith("DELETE"):
                rows[table].discard(values[0])
            elif sql.startswith("DROP TABLE"):
                rows.pop(table, None)
                self._state.tables.pop(table, None)

    def close(self) -> None:
        """Nothing is open."""


def _table_of(sql: str) -> str:
    found = re.search(r"(?:TABLE(?: IF EXISTS)?|INTO|FROM|UPDATE) `?(\w+)`?", sql)
    return found[1] if found else ""
