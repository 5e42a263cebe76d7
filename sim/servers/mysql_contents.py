"""What a schema holds, table by table: written down, compared, and put back.

A table is as it was when its definition, its next AUTO_INCREMENT and its checksum are. Only tables that are not are
touched, so putting back costs what was changed. Views, triggers and routines are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.servers.mysql_admin import quoted_identifier

_SESSION = (
    # Values travel as they are: no conversion of times, no zero taken for "the next one".
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', foreign_key_checks = 0, unique_checks = 0",
    "SET SESSION lock_wait_timeout = 5",
)
_COUNTER = re.compile(r" AUTO_INCREMENT=(\d+)")
_ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class TableContents:
    """``create`` is its definition with the counter in it; ``rows`` are tuples of SQL literals for ``columns``."""

    create: str
    checksum: str
    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    @property
    def definition(self) -> str:
        return _COUNTER.sub("", self.create)

    @property
    def counter(self) -> int:
        """The next AUTO_INCREMENT."""
        found = _COUNTER.search(self.create)
        return int(found[1]) if found else 1

    def like(self, other: TableContents) -> bool:
        return (self.create, self.checksum) == (other.create, other.checksum)


Tables = Mapping[str, TableContents]


def read(connection: Any) -> Tables:
    """Every table with its rows."""
    begin(connection)
    found = glance(connection)
    return {name: _with_rows(connection, name, table) for name, table in found.items()}


def glance(connection: Any) -> Tables:
    """Every table without its rows."""
    names = [str(row[0]) for row in _ask(connection, "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")]
    if not names:
        return {}
    listed = ", ".join(map(quoted_identifier, names))
    checksums = {str(row[0]).rpartition(".")[2]: str(row[1]) for row in _ask(connection, f"CHECKSUM TABLE {listed}")}
    return {name: TableContents(_definition(connection, name), checksums.get(name, "")) for name in names}


def unlike(fresh: Tables, now: Tables) -> tuple[str, ...]:
    """The tables that are not as they were, in order, with those that are gone or new."""
    names = sorted({*fresh, *now})
    return tuple(n for n in names if n not in fresh or n not in now or not now[n].like(fresh[n]))


def put_back(connection: Any, fresh: Tables) -> tuple[int, int]:
    """Make every table what it was; how many rows were taken away, and how many put back."""
    begin(connection)
    now = glance(connection)
    changed = unlike(fresh, now)
    removed = sum(_count(connection, name) for name in changed if name in now)
    for name in changed:
        _put_table_back(connection, name, now.get(name), fresh.get(name))
    return removed, sum(len(fresh[name].rows) for name in changed if name in fresh)


def begin(connection: Any) -> None:
    """What every reading and writing here rests on."""
    for statement in _SESSION:
        _ask(connection, statement)


def _put_table_back(connection: Any, name: str, now: TableContents | None, was: TableContents | None) -> None:
    table = quoted_identifier(name)
    if was is not None and now is not None and now.definition == was.definition and was.counter == 1:
        _ask(connection, f"TRUNCATE TABLE {table}")
    else:
        # Its definition sets the counter, too. ALTER would, but MySQL then words the table's checks in another way.
        _ask(connection, f"DROP TABLE IF EXISTS {table}")
        if was is None:
            return
        _ask(connection, was.create)
    for some in _batches(was.rows):
        columns = ", ".join(map(quoted_identifier, was.columns))
        _ask(connection, f"INSERT INTO {table} ({columns}) VALUES {', '.join(some)}")  # noqa: S608 - quoted
    connection.commit()


def _batches(rows: Sequence[str]) -> Iterable[Sequence[str]]:
    return (rows[first : first + _ROWS_AT_ONCE] for first in range(0, len(rows), _ROWS_AT_ONCE))


def _with_rows(connection: Any, name: str, table: TableContents) -> TableContents:
    columns = tuple(
        str(row[0])
        for row in _ask(connection, f"SHOW COLUMNS FROM {quoted_identifier(name)}")
        if "VIRTUAL" not in str(row[5]) and "STORED" not in str(row[5]) and "PERSISTENT" not in str(row[5])
    )
    listed = ", ".join(map(quoted_identifier, columns))
    rows = _ask(connection, f"SELECT {listed} FROM {quoted_identifier(name)}")  # noqa: S608 - quoted
    written = tuple(f"({', '.join(_literal(connection, value) for value in row)})" for row in rows)
    return TableContents(table.create, table.checksum, columns, written)


def _literal(connection: Any, value: Any) -> str:
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return str(connection.literal(value))


def _definition(connection: Any, name: str) -> str:
    return str(_ask(connection, f"SHOW CREATE TABLE {quoted_identifier(name)}")[0][1])


def _count(connection: Any, name: str) -> int:
    return int(_ask(connection, f"SELECT COUNT(*) FROM {quoted_identifier(name)}")[0][0])  # noqa: S608 - quoted


def _ask(connection: Any, sql: str) -> tuple[tuple[Any, ...], ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return tuple(tuple(row) for row in cursor.fetchall())
