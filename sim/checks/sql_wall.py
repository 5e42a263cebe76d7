"""What accounts of a database server may do, by the document (sections 5 and 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.checks import tables
from sim.checks.facts import exactly
from sim.checks.walls import Access, Question
from sim.plan.mysql import EXPORTER_USER
from sim.scenario import Evidence
from sim.servers.sql_deeds import ALL, DEEDS, Grant
from sim.topology.model import Database

SEE, LOG_IN = "see", "log in"
ANOTHERS, ANY_OTHER = "another's schema", "any other schema"
SYSTEM_SCHEMAS = ("mysql", "sys")
ROOT = "root"
ROOT_PASSWORDS = ("its own password", "no password", "another server's password", "the service's password")
"""What root tries; the first is the right one, so that a refusal is for where it comes from."""

# Accounts that a server makes for itself; all are for the local socket.
_SERVERS_OWN = frozenset(
    f"{name}@localhost" for name in ("root", "mysql.infoschema", "mysql.session", "mysql.sys", "mariadb.sys", "mysql")
)


def documented_grants(database: Database) -> Mapping[str, tuple[Grant, ...]]:
    """Account that may come over the network → everything it is granted."""
    return {
        database.user: (Grant(ALL, f"{database.schema_name}.*"),),
        EXPORTER_USER: (Grant("PROCESS", "*.*"), Grant("REPLICATION CLIENT", "*.*")),
    }


def expected_deeds(evidence: Evidence) -> Mapping[Question, Access]:
    return {
        Question(user, deed.name, "", name): _let(deed.allowed_by(grants, database.schema_name))
        for name, database in tables.databases(evidence).items()
        for user, grants in documented_grants(database).items()
        for deed in DEEDS
    }


def expected_views(evidence: Evidence) -> Mapping[Question, Access]:
    """What ``information_schema`` may show whom."""
    table: dict[Question, Access] = {}
    for name, database in tables.databases(evidence).items():
        table[Question(database.user, SEE, database.schema_name, name)] = Access.LET_IN
        table[Question(EXPORTER_USER, SEE, database.schema_name, name)] = Access.REFUSED
        for user in (database.user, EXPORTER_USER):
            for schema in (*SYSTEM_SCHEMAS, ANOTHERS, ANY_OTHER):
                table[Question(user, SEE, schema, name)] = Access.REFUSED
    return table


def expected_root(evidence: Evidence) -> Mapping[Question, Access]:
    return {
        Question(ROOT, f"{LOG_IN} with {password}", schema, name): Access.REFUSED
        for name in tables.databases(evidence)
        for password in ROOT_PASSWORDS
        for schema in ("", "mysql")
    }


def expected_accounts(evidence: Evidence) -> Mapping[str, Any]:
    return {
        name: sorted(f"{user}@%" for user in documented_grants(database))
        for name, database in tables.databases(evidence).items()
    }


def accounts_problem(observed: Any, documented: Any) -> str:
    """Every account is either documented or one that the server made for its own use."""
    found = [f"{account['user']}@{account['host']}" for account in observed]
    return exactly("accounts")([account for account in found if account not in _SERVERS_OWN], documented)


def expected_grants(evidence: Evidence) -> Mapping[str, Any]:
    """Server → account → grants as ``SHOW GRANTS`` words them, without quoting."""
    return {
        name: {
            f"{d.user}@%": [f"USAGE ON *.* TO {d.user}@%", f"{ALL} ON {d.schema_name}.* TO {d.user}@%"],
            f"{EXPORTER_USER}@%": [f"PROCESS, REPLICATION CLIENT ON *.* TO {EXPORTER_USER}@%"],
        }
        for name, d in tables.databases(evidence).items()
    }


def grants_problem(observed: Any, documented: Any) -> str:
    """Of every account but the server's own."""
    lines = []
    for account in sorted({*observed, *documented} - _SERVERS_OWN):
        held = [_bare(grant) for grant in observed.get(account, ())]
        line = exactly(f"grants of {account}")(held, documented.get(account, ()))
        lines += [line] if line else []
    return "; ".join(lines)


def _bare(grant: str) -> str:
    """``SHOW GRANTS`` without its quoting and password digests, which differ between releases."""
    return grant.removeprefix("GRANT ").translate(str.maketrans("", "", "`'\\")).partition(" IDENTIFIED BY")[0]


def _let(allowed: bool) -> Access:
    return Access.LET_IN if allowed else Access.REFUSED
