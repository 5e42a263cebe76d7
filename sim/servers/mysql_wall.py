"""One MySQL server's accounts: what each may do over TCP, and rights given and taken back on the local socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.errors import Refused
from sim.servers.answers import YES, Answer
from sim.servers.endpoint import Endpoint, Exec
from sim.servers.mysql import connect, fetch
from sim.servers.mysql_admin import LocalAdmin, quoted_account, quoted_identifier, quoted_text
from sim.servers.sql_deeds import GRANT_OPTION, SqlDeed


class MySqlWall:
    """Implements :class:`sim.servers.walls.SqlWall`."""

    def __init__(self, name: str, endpoint: Callable[[], Endpoint], *, root_password: str, execute: Exec) -> None:
        self.name = name
        self._endpoint = endpoint
        self._admin = LocalAdmin(name, root_password, execute)

    def attempts(self, user: str, password: str, schema: str, deeds: Sequence[SqlDeed]) -> tuple[Answer, ...]:
        try:
            connection = connect(self.name, self._endpoint(), user, password, None)
        except Refused as refusal:
            return (Answer(accepted=False, code=refusal.code, message=refusal.evidence),)
        answers: list[Answer] = []
        try:
            for deed in deeds:
                try:
                    fetch(self.name, connection, deed.statement.replace("{schema}", schema))
                    answers.append(YES)
                except Refused as refusal:
                    answers.append(Answer(accepted=False, code=refusal.code, message=refusal.evidence))
        finally:
            connection.close()
        return tuple(answers)

    def visible_schemas(self, user: str, password: str) -> tuple[str, ...]:
        connection = connect(self.name, self._endpoint(), user, password, None)
        try:
            rows = fetch(self.name, connection, "SELECT schema_name FROM information_schema.schemata")
        finally:
            connection.close()
        return tuple(sorted(str(row[0]) for row in rows))

    def make_schema(self, schema: str) -> None:
        self._admin.rows(f"CREATE DATABASE {quoted_identifier(schema)}")

    def drop_schema(self, schema: str) -> None:
        self._admin.rows(f"DROP DATABASE IF EXISTS {quoted_identifier(schema)}")

    def make_account(self, user: str, host: str, password: str) -> None:
        self._admin.rows(f"CREATE USER {quoted_account(user, host)} IDENTIFIED BY {quoted_text(password)}")

    def drop_account(self, user: str, host: str) -> None:
        self._admin.rows(f"DROP USER IF EXISTS {quoted_account(user, host)}")

    def grant(self, user: str, host: str, privileges: str, on: str) -> None:
        if privileges == GRANT_OPTION:
            self._admin.rows(f"GRANT USAGE ON {_target(on)} TO {quoted_account(user, host)} WITH GRANT OPTION")
        else:
            self._admin.rows(f"GRANT {privileges} ON {_target(on)} TO {quoted_account(user, host)}")

    def revoke(self, user: str, host: str, privileges: str, on: str) -> None:
        self._admin.rows(f"REVOKE {privileges} ON {_target(on)} FROM {quoted_account(user, host)}")


def _target(on: str) -> str:
    schema = on.removesuffix(".*")
    # In a grant's schema an underscore is a wildcard unless escaped; the documented grants leave it as it is.
    return on if schema == "*" else f"{quoted_identifier(schema)}.*"
