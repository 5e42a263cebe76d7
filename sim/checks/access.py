"""Who may log in where: the document's table, the observed one of the same shape, and their difference as the verdict.

The expected side follows one rule of the document (section 10): each microservice reaches its own database only. Root
is for the local socket, and no account is without a name; neither enters over the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sim.checks.walls import SQL, Access, blindness, compare, control_lines, worse
from sim.history import Observation, only
from sim.scenario import Evidence
from sim.topology.model import Topology
from sim.verdict import Verdict

LOGIN = "login"
ROOT = "root"
ANONYMOUS = "anonymous"
"""A name nobody has: an account without a name (``''@'%'``) would let it in."""
SYSTEM_SCHEMA = "mysql"

# The server knows no such schema, which it only says after it let the account in and past its grants.
_UNKNOWN_SCHEMA = "1049"


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One question: whether ``user`` may log in to ``server``, naming ``database`` (empty: none)."""

    user: str
    server: str
    database: str

    def __str__(self) -> str:
        return f"{self.user} on {self.server}" + (f" naming {self.database}" if self.database else "")


def expected_access(topology: Topology) -> Mapping[Edge, Access]:
    """Every question, with the document's answer.

    On a foreign server a user names its own schema, which a wrongly shared set-up would have created there, and the
    server's schema, which is the data at stake.
    """
    table: dict[Edge, Access] = {}
    databases = tuple(topology.databases.values())
    for place, own in enumerate(databases):
        table[Edge(own.user, own.deployment, own.schema_name)] = Access.LET_IN
        another = databases[(place + 1) % len(databases)].schema_name
        for schema in {SYSTEM_SCHEMA, another} - {own.schema_name}:
            table[Edge(own.user, own.deployment, schema)] = Access.REFUSED
        for foreign in databases:
            if foreign is not own:
                table[Edge(own.user, foreign.deployment, own.schema_name)] = Access.REFUSED
                table[Edge(own.user, foreign.deployment, foreign.schema_name)] = Access.REFUSED
    for database in databases:
        for nobody in (ROOT, ANONYMOUS):
            table[Edge(nobody, database.deployment, "")] = Access.REFUSED
    return table


def observed_access(observations: Iterable[Observation]) -> Mapping[Edge, Access]:
    """What was answered, by edge."""
    table: dict[Edge, Access] = {}
    for observation in only(observations, LOGIN):
        detail = observation.detail
        edge = Edge(str(detail.get("user", "")), observation.target, str(detail.get("database") or ""))
        worse(table, edge, SQL.access(str(detail.get("code", ""))))
    return table


def judge_access(evidence: Evidence) -> Verdict:
    """PASS when every edge answered as documented and the canary showed that the probe sees both answers."""
    expected = expected_access(evidence.topology)
    return compare(
        expected,
        observed_access(evidence.observations),
        blind=blindness(evidence.observations, SQL),
        more_breaches=_without_own_schema(evidence.observations, expected),
        control=control_lines(evidence.observations),
        holds=f"all {len(expected)} logins answered as documented: each service's user opens its own database only, "
        "root and accounts without a name none",
    )


def _without_own_schema(observations: Iterable[Observation], expected: Mapping[Edge, Access]) -> list[str]:
    """Let in, yet the schema that should be there is gone."""
    return [
        f"{edge}: documented let in, but the server has no such schema ({_UNKNOWN_SCHEMA})"
        for edge in dict.fromkeys(
            Edge(str(o.detail.get("user", "")), o.target, str(o.detail.get("database") or ""))
            for o in observations
            if o.op == LOGIN and o.detail.get("code") == _UNKNOWN_SCHEMA
        )
        if expected.get(edge) is Access.LET_IN
    ]
