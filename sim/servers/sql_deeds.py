"""Statements that show what a MySQL account may do, each harmless where it is allowed, with the privilege it takes.

Harmless: what they name does not exist, or exists already, or keeps the value it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ALL = "ALL PRIVILEGES"
GRANT_OPTION = "GRANT OPTION"
SCHEMA = "{schema}"
"""Stands for the schema of the server's owner."""


@dataclass(frozen=True, slots=True)
class Grant:
    """``on`` is ``*.*`` or ``schema.*``."""

    privilege: str
    on: str


@dataclass(frozen=True, slots=True)
class SqlDeed:
    """``statement`` takes ``privilege`` on ``on``, which may hold :data:`SCHEMA`."""

    name: str
    statement: str
    privilege: str
    on: str = "*.*"

    def allowed_by(self, grants: Iterable[Grant], schema: str) -> bool:
        """Whether the grants let an account do it."""
        target = self.on.replace(SCHEMA, schema)
        return any(
            grant.on in {"*.*", target}
            and (grant.privilege == self.privilege or (grant.privilege == ALL and self.privilege != GRANT_OPTION))
            for grant in grants
        )


READ_OWN = SqlDeed("list its service's tables", "SHOW TABLES FROM `{schema}`", "SELECT", f"{SCHEMA}.*")

DEEDS = (
    READ_OWN,
    SqlDeed("read mysql.user", "SELECT authentication_string FROM mysql.user LIMIT 1", "SELECT", "mysql.*"),
    SqlDeed("read mysql.db", "SELECT db FROM mysql.db LIMIT 1", "SELECT", "mysql.*"),
    SqlDeed("read root's grants", "SHOW GRANTS FOR 'root'@'localhost'", "SELECT", "mysql.*"),
    SqlDeed(
        "read performance_schema",
        "SELECT user FROM performance_schema.accounts LIMIT 1",
        "SELECT",
        "performance_schema.*",
    ),
    SqlDeed("write a file", "SELECT 'x' INTO OUTFILE '/nonexistent/sim-probe'", "FILE"),
    SqlDeed("load a file", "LOAD DATA INFILE '/nonexistent/sim-probe' INTO TABLE `{schema}`.`sim_none`", "FILE"),
    SqlDeed("see inside the engine", "SHOW ENGINE INNODB STATUS", "PROCESS"),
    SqlDeed("list binary logs", "SHOW BINARY LOGS", "REPLICATION CLIENT"),
    SqlDeed("change a server setting", "SET GLOBAL max_connections = @@GLOBAL.max_connections", "SUPER"),
    SqlDeed("make an account", "CREATE USER IF NOT EXISTS 'root'@'localhost'", "CREATE USER"),
    SqlDeed("drop an account", "DROP USER IF EXISTS 'sim_nobody'@'localhost'", "CREATE USER"),
    SqlDeed(
        "pass on its own rights",
        "GRANT SELECT ON `{schema}`.* TO 'sim_nobody'@'localhost'",
        GRANT_OPTION,
        f"{SCHEMA}.*",
    ),
    SqlDeed("grant server-wide rights", "GRANT PROCESS ON *.* TO 'sim_nobody'@'localhost'", GRANT_OPTION),
    SqlDeed("flush", "FLUSH STATUS", "RELOAD"),
    SqlDeed("make a schema", "CREATE DATABASE IF NOT EXISTS mysql", "CREATE", "mysql.*"),
    SqlDeed("drop a schema", "DROP DATABASE IF EXISTS sim_none", "DROP", "sim_none.*"),
    SqlDeed("install a plug-in", "INSTALL PLUGIN sim_none SONAME 'sim_none.so'", "INSERT", "mysql.*"),
)
