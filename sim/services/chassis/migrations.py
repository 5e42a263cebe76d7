"""The schema, from numbered files: each applied once, by one replica, and never changed afterwards.

MySQL commits each schema change by itself, so the unit is the statement: how many of a file are done is recorded after
each, and a process killed between a statement and its record finds the statement's effect there and goes on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import pymysql

from sim.services.chassis import inbox, outbox
from sim.services.chassis.database import Session, code_of

_NAME: Final = re.compile(r"\d{4}_[a-z0-9_-]+\.sql")
_LOCK_WAIT_S: Final = 60
# Table, column, key, foreign key or check of that name exists; column or key is not there to drop.
_DONE_ALREADY: Final = frozenset({1007, 1050, 1060, 1061, 1062, 1091, 1826, 3822})
TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  statements_done INT UNSIGNED NOT NULL,
  finished_at DATETIME(6) NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""
_TOKEN: Final = re.compile(
    r"""(?P<skip>--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?\*/)"""
    r"""|(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`)"""
    r"""|(?P<end>;)|(?P<other>.)""",
    re.DOTALL,
)


class MigrationRefused(Exception):  # noqa: N818 - a mistake in the code or its files, not in the world
    """The files and the database cannot both be right; a person has to look."""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    checksum: str
    statements: tuple[str, ...]


def statements_of(text: str) -> Iterator[str]:
    """Split at semicolons outside quotes and comments. Stored programs (BEGIN … END) are not for migrations."""
    statement: list[str] = []
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "end":
            yield from _stripped(statement)
            statement = []
        else:
            statement.append(" " if token.lastgroup == "skip" else token[0])
    yield from _stripped(statement)


def _stripped(parts: Sequence[str]) -> Iterator[str]:
    text = "".join(parts).strip()
    if text:
        yield text


def read_migrations(package: str) -> tuple[Migration, ...]:
    """Those of a package, in the order of their numbers."""
    found = [file for file in files(package).iterdir() if file.name.endswith(".sql")]
    migrations = []
    for file in sorted(found, key=lambda file: file.name):
        if not _NAME.fullmatch(file.name):
            raise MigrationRefused(f"{package}: {file.name} is not named like 0001_what.sql")
        text = file.read_text("utf-8")
        migrations.append(Migration(file.name, hashlib.sha256(text.encode()).hexdigest(), tuple(statements_of(text))))
    return tuple(migrations)


def migrate(session: Session, database: str, migrations: Sequence[Migration]) -> list[str]:
    """Bring the schema up to date; the names of the files applied now. Raises MigrationRefused and the driver's own."""
    lock = f"migrations:{database}"[:64]
    got = session.row("SELECT GET_LOCK(%s, %s) AS got", (lock, _LOCK_WAIT_S))
    if got is None or got["got"] != 1:
        raise TimeoutError(f"another replica has been migrating for {_LOCK_WAIT_S} s")
    try:
        for table in (TABLE, inbox.TABLE, outbox.TABLE):
            session.execute(table, ())
        return [migration.name for migration in migrations if _apply(session, migration)]
    finally:
        session.row("SELECT RELEASE_LOCK(%s) AS released", (lock,))


def _apply(session: Session, migration: Migration) -> bool:
    known = session.row(
        "SELECT checksum, statements_done, finished_at FROM schema_migrations WHERE name = %s", (migration.name,)
    )
    if known is not None and known["finished_at"] is not None:
        if known["checksum"] != migration.checksum:
            raise MigrationRefused(
                f"{migration.name} was changed after it was applied. Put it back as it was and add a new file."
            )
        return False
    done = 0
    if known is None:
        session.execute(
            "INSERT INTO schema_migrations (name, checksum, statements_done) VALUES (%s, %s, 0)",
            (migration.name, migration.checksum),
        )
    else:
        done = int(known["statements_done"])
    session.connection.commit()
    for number, statement in enumerate(migration.statements[done:], done + 1):
        try:
            session.execute(statement, ())
        except pymysql.err.MySQLError as error:
            unrecorded = known is not None and number == done + 1 and code_of(error) in _DONE_ALREADY
            if not unrecorded:
                raise
        session.execute("UPDATE schema_migrations SET statements_done = %s WHERE name = %s", (number, migration.name))
        session.connection.commit()
    session.execute(
        "UPDATE schema_migrations SET finished_at = UTC_TIMESTAMP(6), checksum = %s WHERE name = %s",
        (migration.checksum, migration.name),
    )
    session.connection.commit()
    return True
