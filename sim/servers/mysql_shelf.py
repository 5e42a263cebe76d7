"""Rows as a ledger's entries: two rows in one transaction for each, in a table of the rig's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sim.errors import Refused, Unreachable
from sim.history import Outcome
from sim.servers.messaging_protocol import Settled
from sim.servers.mysql_admin import quoted_identifier

_HALVES = (1, 2)


class RowShelf:
    """Implements :class:`sim.servers.shelf.Shelf`. ``connect`` gives a connection; ``speaking`` maps its errors."""

    def __init__(
        self, table: str, connect: Callable[[], Any], speaking: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._table = quoted_identifier(table)
        self._connect = connect
        self._speaking = speaking
        self._connection: Any = None

    def write(self, id: str) -> Settled:  # noqa: A002 - the entry's name
        sent = False
        try:
            with self._speaking():
                connection = self._open()
                self._insert(connection, id)
                sent = True
                connection.commit()
        except Refused as refusal:
            self.close()
            return Settled(id, Outcome.FAILED, f"{refusal.what} {refusal.evidence}")
        except Unreachable as error:
            self.close()
            # Before COMMIT was sent the server has nothing it could keep.
            outcome = Outcome.UNSURE if sent else Outcome.FAILED
            return Settled(id, outcome, f"{error.what} {error.evidence}")
        return Settled(id, Outcome.OK)

    def begin(self, id: str) -> bool:  # noqa: A002 - the entry's name
        try:
            with self._speaking():
                self._insert(self._open(), id)
        except (Refused, Unreachable):
            self.close()
            return False
        return True

    def inventory(self) -> Mapping[str, bool]:
        with self._speaking():
            connection = self._open()
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT id, COUNT(*) FROM {self._table} GROUP BY id")  # noqa: S608 - quoted
                return {str(entry): int(count) == len(_HALVES) for entry, count in cursor.fetchall()}

    def clear(self) -> None:
        with self._speaking():
            connection = self._open()
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {self._table}")
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection._force_close()  # noqa: SLF001 - pymysql's own close() may wait for a server that is gone

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = self._connect()
            with self._connection.cursor() as cursor:
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {self._table} "
                    "(id VARCHAR(64) NOT NULL, half TINYINT NOT NULL, PRIMARY KEY (id, half)) ENGINE=InnoDB"
                )
        return self._connection

    def _insert(self, connection: Any, entry: str) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {self._table} (id, half) VALUES (%s, %s)",  # noqa: S608 - quoted
                [(entry, half) for half in _HALVES],
            )
