"""The service's own MySQL: connections for its threads, transactions on them, and what the driver's errors mean.

Isolation is READ COMMITTED: handlers lock the rows they are about to change (SELECT ... FOR UPDATE, conditional
UPDATEs), and the gap locks of MySQL's default would only make strangers wait for each other and deadlock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final

import pymysql
from pymysql.cursors import Cursor, DictCursor

from sim.services.chassis.dependency import Dependency
from sim.services.chassis.link import Log
from sim.services.chassis.outcomes import Contention
from sim.services.chassis.service import Row
from sim.services.chassis.settings import DatabaseSettings
from sim.services.contract.problem import Problem, unavailable

_CONNECT_TIMEOUT_S: Final = 2.0
_STATEMENT_TIMEOUT_S: Final = 4.0
_MIGRATION_TIMEOUT_S: Final = 120.0
_CONTENTION: Final = frozenset({1205, 1213})
_DUPLICATE: Final = 1062
# Shutting down, too many connections, access denied (a secret being rotated), killed, no connection, lost connection,
# timed out by the server, a server that takes no writes.
_GONE: Final = frozenset({1040, 1045, 1053, 1152, 1158, 1159, 1160, 1161, 1184, 1290, 1836, 2002, 2003, 2005, 2006})
_LOST: Final = frozenset({0, 1053, 1152, 1158, 1159, 1160, 1161, 2006, 2013, 2014, 2055, 4031})
_SESSION: Final = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 3, time_zone = '+00:00'",
)
_SUSPECT_AFTER_IDLE_S: Final = 300.0


def code_of(error: BaseException) -> int:
    """MySQL's number of a driver's error; 0 where it has none."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


def is_duplicate(error: pymysql.err.IntegrityError) -> bool:
    """Whether a unique key refused the row."""
    return code_of(error) == _DUPLICATE


def _is_gone(error: pymysql.err.Error) -> bool:
    return isinstance(error, pymysql.err.InterfaceError) or (
        isinstance(error, pymysql.err.OperationalError) and code_of(error) in _GONE | _LOST
    )


class Session:
    """One connection with a transaction open on it, used by one thread at a time.

    ``untouched`` until its first statement succeeds: until then a connection gone stale is replaced unseen.
    """

    def __init__(self, connection: Any, reconnect: Callable[[], Any]) -> None:
        self.connection = connection
        self._reconnect = reconnect
        self.untouched = True

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        cursor = self._run(Cursor, sql, values)
        return int(cursor.rowcount)

    def rows(self, sql: str, values: Sequence[Any]) -> Sequence[Row]:
        return list(self._run(DictCursor, sql, values).fetchall())

    def row(self, sql: str, values: Sequence[Any]) -> Row | None:
        found: Row | None = self._run(DictCursor, sql, values).fetchone()
        return found

    def _run(self, kind: type[Any], sql: str, values: Sequence[Any]) -> Any:
        try:
            cursor = self.connection.cursor(kind)
            cursor.execute(sql, tuple(values) or None)
        except pymysql.err.Error as error:
            stale = self.untouched and _is_gone(error) and "timed out" not in str(error)
            if not stale:
                raise
            self.connection = self._reconnect()
            cursor = self.connection.cursor(kind)
            cursor.execute(sql, tuple(values) or None)
        self.untouched = False
        return cursor


class Database:
    """``session()`` is a transaction; the number of threads that use it bounds the connections.

    ``dependency`` says whether it answers; while it does not, or before ``ready`` is set (the schema is in place),
    sessions are refused with 503.
    """

    def __init__(self, settings: DatabaseSettings, *, log: Log, random: Random) -> None:
        self._settings = settings
        self._idle: list[tuple[float, Any]] = []
        self._lock = threading.Lock()
        self._prober: Any = None
        self.in_use = 0
        self.ready = False
        self.dependency = Dependency("database", self._try_it, required=True, log=log, random=random)
        self.dependency.on_change(lambda up: None if up else self._drop_idle())

    @property
    def idle(self) -> int:
        return len(self._idle)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Leaving commits, an exception rolls back. Raises Problem 503 when the database is gone, Contention."""
        if not (self.dependency.up and self.ready):
            raise unavailable("The database")
        committing = False
        try:
            session = Session(self._take(), self._connect)
        except pymysql.err.Error as error:
            self.dependency.suspect()
            raise unavailable("The database") from error
        with self._lock:
            self.in_use += 1
        healthy = False
        try:
            yield session
            if not session.untouched:
                committing = True
                session.connection.commit()
            healthy = True
            self.dependency.proved()
        except pymysql.err.Error as error:
            if _is_gone(error):
                self.dependency.suspect()
                problem = _lost_at_commit() if committing else unavailable("The database")
                raise problem from error
            healthy = self._roll_back(session)
            if code_of(error) in _CONTENTION:
                raise Contention(str(error)) from error
            raise
        except BaseException:
            healthy = self._roll_back(session)
            raise
        finally:
            self._give_back(session.connection, healthy=healthy)

    @contextmanager
    def migrating(self) -> Iterator[Session]:
        """A connection of its own with time for schema changes; the driver's errors as they are, see ``is_gone``."""
        connection = self._connect(_MIGRATION_TIMEOUT_S)
        try:
            yield Session(connection, self._connect)
            connection.commit()
        finally:
            connection.close()

    is_gone = staticmethod(_is_gone)

    def close(self) -> None:
        self._drop_idle()

    def _take(self) -> Any:
        with self._lock:
            while self._idle:
                returned_s, connection = self._idle.pop()
                if time.monotonic() - returned_s < _SUSPECT_AFTER_IDLE_S:
                    return connection
                connection.close()
        return self._connect()

    def _give_back(self, connection: Any, *, healthy: bool) -> None:
        with self._lock:
            self.in_use -= 1
            if healthy and self.dependency.up:
                self._idle.append((time.monotonic(), connection))
                return
        _abandon(connection)

    def _roll_back(self, session: Session) -> bool:
        try:
            session.connection.rollback()
        except (pymysql.err.Error, OSError):
            self.dependency.suspect()
            return False
        return True

    def _drop_idle(self) -> None:
        with self._lock:
            dropped, self._idle = self._idle, []
        for _, connection in dropped:
            _abandon(connection)

    def _connect(self, timeout_s: float = _STATEMENT_TIMEOUT_S) -> Any:
        connection = pymysql.connect(
            host=self._settings.host,
            port=self._settings.port,
            user=self._settings.user,
            password=self._settings.password,
            database=self._settings.name,
            charset="utf8mb4",
            autocommit=False,
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=timeout_s,
            write_timeout=timeout_s,
        )
        with connection.cursor() as cursor:
            for statement in _SESSION:
                cursor.execute(statement)
        return connection

    def _try_it(self) -> None:
        """On a connection kept for it, so that asking costs one round trip."""
        try:
            if self._prober is None:
                self._prober = self._connect(_CONNECT_TIMEOUT_S)
            self._prober.ping(reconnect=False)
        except (pymysql.err.Error, OSError):
            if self._prober is not None:
                _abandon(self._prober)
            self._prober = None
            self._prober = self._connect(_CONNECT_TIMEOUT_S)


def _lost_at_commit() -> Problem:
    return Problem(
        503,
        "The database was lost at the commit: this may or may not have been done. Repeat it with the same"
        " Idempotency-Key and it will be done once.",
        retry_after_s=2.0,
    )


def _abandon(connection: Any) -> None:
    """Close without a word to the server: it may not be there to hear it."""
    connection._force_close()  # noqa: SLF001 - the driver's close() would write to a dead socket, and wait
