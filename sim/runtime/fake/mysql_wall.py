"""The accounts of an in-memory MySQL: what each may do by its grants, and rights given and taken back."""

from __future__ import annotations

from collections.abc import Sequence

from sim.errors import Refused
from sim.runtime.fake.mysql import SYSTEM_SCHEMAS, FakeAccount, FakeMySqlState
from sim.runtime.fake.processes import FakeProcesses
from sim.servers.answers import YES, Answer
from sim.servers.sql_deeds import Grant, SqlDeed

# MySQL's words for a right that is lacking on the whole server, and on one schema.
_GLOBAL, _ON_SCHEMA, _LOGIN = "1227", "1044", "1045"
# Server-wide privileges that say nothing of any schema, and so show none.
_OF_THE_SERVER = frozenset({"PROCESS", "REPLICATION CLIENT", "FILE", "RELOAD", "GRANT OPTION", "CREATE USER", "SUPER"})
_ALWAYS_SEEN = ("information_schema", "performance_schema")


class FakeSqlWall:
    """Implements :class:`sim.servers.walls.SqlWall`."""

    def __init__(self, name: str, state: FakeMySqlState, processes: FakeProcesses) -> None:
        self.name = name
        self._state = state
        self._processes = processes

    def attempts(self, user: str, password: str, schema: str, deeds: Sequence[SqlDeed]) -> tuple[Answer, ...]:
        account = self._account(user, password)
        if account is None:
            return (Answer(accepted=False, code=_LOGIN, message=f"Access denied for user '{user}'"),)
        held = _grants(account)
        everything = self._state.variables.get("skip_grant_tables") == "ON"
        return tuple(YES if everything or deed.allowed_by(held, schema) else _denied(user, deed) for deed in deeds)

    def visible_schemas(self, user: str, password: str) -> tuple[str, ...]:
        account = self._account(user, password)
        if account is None:
            raise Refused(f"{self.name} refused ({_LOGIN}).", _LOGIN)
        targets = {grant.on for grant in _grants(account) if grant.privilege not in _OF_THE_SERVER}
        return tuple(
            sorted(s for s in self._state.schemas if s in _ALWAYS_SEEN or "*.*" in targets or f"{s}.*" in targets)
        )

    def make_schema(self, schema: str) -> None:
        self._reached().schemas.add(schema)

    def drop_schema(self, schema: str) -> None:
        if schema not in SYSTEM_SCHEMAS:
            self._reached().schemas.discard(schema)

    def make_account(self, user: str, host: str, password: str) -> None:
        state = self._reached()
        plugin = state.variables.get("default_authentication_plugin", "caching_sha2_password")
        with self._processes.lock:
            state.accounts[user, host] = FakeAccount(password, plugin)

    def drop_account(self, user: str, host: str) -> None:
        with self._processes.lock:
            self._reached().accounts.pop((user, host), None)

    def grant(self, user: str, host: str, privileges: str, on: str) -> None:
        self._held(user, host).grants.append((privileges, on))

    def revoke(self, user: str, host: str, privileges: str, on: str) -> None:
        self._held(user, host).grants.remove((privileges, on))

    def _reached(self) -> FakeMySqlState:
        self._processes.require(self.name)
        return self._state

    def _held(self, user: str, host: str) -> FakeAccount:
        account = self._reached().accounts.get((user, host))
        if account is None:
            raise Refused(f"{self.name} refused root (1410).", "1410", evidence=f"no account {user}@{host}")
        return account

    def _account(self, user: str, password: str) -> FakeAccount | None:
        accounts = self._reached().accounts
        found = accounts.get((user, "%")) or accounts.get(("", "%"))
        return found if found is not None and found.password == password else None


def _grants(account: FakeAccount) -> list[Grant]:
    return [Grant(privilege.strip(), on) for privileges, on in account.grants for privilege in privileges.split(",")]


def _denied(user: str, deed: SqlDeed) -> Answer:
    code = _GLOBAL if deed.on == "*.*" else _ON_SCHEMA
    return Answer(accepted=False, code=code, message=f"Access denied for user '{user}'")
