"""One MySQL server: applications' logins over TCP, administration over its local socket."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from pymysql.constants import CR

from sim.errors import Refused, Unreachable
from sim.servers import mysql_contents
from sim.servers.endpoint import Endpoint, Exec
from sim.servers.mysql_admin import LocalAdmin, quoted_identifier, quoted_text
from sim.servers.mysql_contents import Tables
from sim.servers.mysql_shelf import RowShelf
from sim.servers.protocol import Account, Answer

_CONNECT_TIMEOUT_S = 2.0
_READ_TIMEOUT_S = 5.0
_SYSTEM_SCHEMAS = frozenset({"information_schema", "mysql", "performance_schema", "sys"})


class MySqlServer:
    """``user`` and ``password`` are the server's own application account; ``root_password`` opens the local socket."""

    def __init__(
        self,
        name: str,
        endpoint: Callable[[], Endpoint],
        *,
        user: str,
        password: str,
        root_password: str,
        execute: Exec,
    ) -> None:
        self.name = name
        self._endpoint = endpoint
        self._user = user
        self._password = password
        self._admin = LocalAdmin(name, root_password, execute)

    def login(self, user: str, password: str, database: str | None = None) -> Answer:
        """Log in and ``SELECT 1``; the server's own error code when it says no (1045, 1044, 1049…)."""
        return mysql_login(self.name, self._endpoint(), user, password, database)

    def version(self) -> str:
        return str(self._rows("SELECT VERSION()")[0][0])

    def variables(self, *names: str) -> Mapping[str, str]:
        """Global variables by name; one the server does not have is absent."""
        if not names:
            return {}
        marks = ", ".join(["%s"] * len(names))
        rows = self._rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({marks})", names)
        return {str(name): str(value) for name, value in rows}

    def schemas(self) -> tuple[str, ...]:
        """Every schema but the server's own four, in order."""
        rows = self._admin.rows("SHOW DATABASES")
        return tuple(sorted(row[0] for row in rows if row[0] not in _SYSTEM_SCHEMAS))

    def accounts(self) -> tuple[Account, ...]:
        rows = self._admin.rows("SELECT user, host, plugin FROM mysql.user ORDER BY user, host")
        return tuple(Account(user, host, plugin) for user, host, plugin in rows)

    def grants(self, user: str, host: str = "%") -> tuple[str, ...]:
        """As ``SHOW GRANTS`` words them; empty for an account that does not exist."""
        return self._admin.grants(user, host)

    def round_trip(self, user: str, password: str, database: str, value: str) -> str:
        with self._connection(user, password, database) as writer:
            digest = hashlib.sha256(value.encode()).hexdigest()[:8]
            table = f"`sim_round_trip_{_thread_id(writer)}_{digest}`"
            with _speaking(self.name), writer.cursor() as cursor:
                cursor.execute(f"CREATE TABLE {table} (value TEXT NOT NULL) ENGINE=InnoDB")
            try:
                with _speaking(self.name), writer.cursor() as cursor:
                    cursor.execute(f"INSERT INTO {table} (value) VALUES (%s)", (value,))  # noqa: S608 - our own name
                    writer.commit()
                with self._connection(user, password, database) as reader:
                    rows = fetch(self.name, reader, f"SELECT value FROM {table}")  # noqa: S608 - our own name
            finally:
                with _speaking(self.name), writer.cursor() as cursor:
                    cursor.execute(f"DROP TABLE {table}")
        return str(rows[0][0]) if rows else ""

    def session(self, user: str, password: str, database: str) -> MySqlSession:
        return MySqlSession(self.name, connect(self.name, self._endpoint(), user, password, database))

    def create_account(self, user: str, password: str, schema: str) -> None:
        self._admin.create_account(user, password, schema)

    def drop_account(self, user: str) -> None:
        self._admin.drop_account(user)

    def sessions(self) -> Mapping[str, int]:
        # Two users are the server's own threads.
        rows = self._admin.rows(
            "SELECT user, COUNT(*) FROM information_schema.processlist "
            "WHERE id <> CONNECTION_ID() AND user NOT IN ('event_scheduler', 'system user') GROUP BY user"
        )
        return {user: int(count) for user, count in rows}

    def count(self, schema: str, table: str) -> int:
        where = f"{quoted_identifier(schema)}.{quoted_identifier(table)}"
        return int(self._admin.rows(f"SELECT COUNT(*) FROM {where}")[0][0])  # noqa: S608 - identifiers, quoted

    def shelf(self, schema: str, table: str) -> RowShelf:
        return RowShelf(
            table,
            lambda: _connect(self._endpoint(), self._user, self._password, schema),
            lambda: _speaking(self.name),
        )

    def contents(self, schema: str) -> Tables:
        """Every table of a schema with its rows."""
        with self._connection(self._user, self._password, schema) as connection, _speaking(self.name):
            return mysql_contents.read(connection)

    def unlike(self, schema: str, fresh: Tables) -> tuple[str, ...]:
        """The tables that are not as they were."""
        with self._connection(self._user, self._password, schema) as connection, _speaking(self.name):
            mysql_contents.begin(connection)
            return mysql_contents.unlike(fresh, mysql_contents.glance(connection))

    def put_back(self, schema: str, fresh: Tables) -> tuple[int, int]:
        """Make every table what it was: (rows taken away, rows put back)."""
        with self._connection(self._user, self._password, schema) as connection, _speaking(self.name):
            return mysql_contents.put_back(connection, fresh)

    def set_global(self, name: str, value: str) -> None:
        # A number in quotes is a text to MySQL, which most variables do not take.
        literal = value if value.isdecimal() else quoted_text(value)
        self._admin.rows(f"SET GLOBAL {quoted_identifier(name)} = {literal}")

    def _rows(self, sql: str, values: tuple[str, ...] = ()) -> tuple[tuple[Any, ...], ...]:
        with self._connection(self._user, self._password, None) as connection:
            return fetch(self.name, connection, sql, values)

    @contextmanager
    def _connection(self, user: str, password: str, database: str | None) -> Iterator[pymysql.Connection[Any]]:
        connection = connect(self.name, self._endpoint(), user, password, database)
        try:
            yield connection
        finally:
            connection.close()


class MySqlSession:
    """One connection, for who asks again and again."""

    def __init__(self, name: str, connection: pymysql.Connection[Any]) -> None:
        self._name = name
        self._connection = connection

    def transact(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        with _speaking(self._name):
            self._connection.begin()
            with self._connection.cursor() as cursor:
                for sql, values in statements:
                    cursor.execute(sql, tuple(values) or None)
                    cursor.fetchall()
            self._connection.commit()

    def close(self) -> None:
        with suppress(pymysql.err.Error, OSError):
            self._connection.close()


def mysql_login(name: str, endpoint: Endpoint, user: str, password: str, database: str | None) -> Answer:
    """Log in and ``SELECT 1``. Raises Unreachable when ``name`` gave no answer."""
    try:
        with _speaking(name):
            connection = _connect(endpoint, user, password, database)
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                    cursor.fetchall()
            finally:
                connection.close()
    except Refused as refusal:
        return Answer(accepted=False, code=refusal.code, message=refusal.evidence)
    return Answer(accepted=True, code="0")


def connect(name: str, endpoint: Endpoint, user: str, password: str, database: str | None) -> pymysql.Connection[Any]:
    """Logged in. Raises Refused with the server's code, or Unreachable."""
    with _speaking(name):
        return _connect(endpoint, user, password, database)


def _thread_id(connection: pymysql.Connection[Any]) -> int:
    return int(connection.thread_id())  # type: ignore[no-untyped-call] # the stubs left it out


def _connect(endpoint: Endpoint, user: str, password: str, database: str | None) -> pymysql.Connection[Any]:
    # A TLS context costs 40 ms of CPU each and the pod network needs none; a password still travels encrypted, by the
    # server's RSA key or as a hash.
    return pymysql.connect(
        ssl_disabled=True,
        host=endpoint.host,
        port=endpoint.port,
        user=user,
        password=password,
        database=database,
        charset="utf8mb4",
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        write_timeout=_READ_TIMEOUT_S,
        read_default_file=None,
    )


def fetch(
    name: str, connection: pymysql.Connection[Any], sql: str, values: tuple[str, ...] = ()
) -> tuple[tuple[Any, ...], ...]:
    """The rows of one statement. Raises Refused with the server's code, or Unreachable."""
    with _speaking(name), connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return tuple(tuple(row) for row in cursor.fetchall())


@contextmanager
def _speaking(name: str) -> Iterator[None]:
    """Map the driver's errors: a server's code is Refused, everything the client made up (2xxx) is Unreachable."""
    try:
        yield
    except pymysql.MySQLError as error:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        message = str(error.args[-1]) if error.args else str(error)
        if code and not CR.CR_ERROR_FIRST <= code <= CR.CR_ERROR_LAST:
            raise Refused(f"{name} refused ({code}).", str(code), evidence=message) from error
        raise Unreachable(f"{name} gave no answer over MySQL.", evidence=message) from error
    except (OSError, EOFError) as error:
        raise Unreachable(f"{name} gave no answer over MySQL.", evidence=str(error)) from error
