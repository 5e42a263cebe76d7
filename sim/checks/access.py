"""Who may log in where: the document's table, the observed one of the same shape, and their difference as the verdict.

The expected side follows one rule of the document (section 10): each microservice reaches its own database only. Root
is for the local socket, and no account is without a name; neither enters over the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sim.history import Observation, only
from sim.scenario import Evidence
from sim.topology.model import Topology
from sim.verdict import Verdict, failed, passed, unknown

LOGIN = "login"
CANARY = "canary"
ROOT = "root"
ANONYMOUS = "anonymous"
"""A name nobody has: an account without a name (``''@'%'``) would let it in."""
SYSTEM_SCHEMA = "mysql"

# Unknown account or wrong password, schema, host, and root without its socket: MySQL's ways of saying no to who asks.
_REFUSALS = frozenset({"1044", "1045", "1130", "1698"})
# The server knows no such schema, which it only says after it let the account in and past its grants.
_UNKNOWN_SCHEMA = "1049"
_ACCEPTED = "0"


class Access(StrEnum):
    LET_IN = "let in"
    REFUSED = "refused"
    SILENT = "no answer"
    UNCLEAR = "no answer that tells"


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
    """What was answered, by edge.

    Asked twice with two answers, the one that lets in counts, then the one that tells least.
    """
    weight = {Access.LET_IN: 3, Access.SILENT: 2, Access.UNCLEAR: 1, Access.REFUSED: 0}
    table: dict[Edge, Access] = {}
    for observation in observations:
        if observation.op == LOGIN:
            detail = observation.detail
            edge = Edge(str(detail.get("user", "")), observation.target, str(detail.get("database") or ""))
            access = _access(str(detail.get("code", "")))
            table[edge] = max(table.get(edge, access), access, key=weight.__getitem__)
    return table


def _access(code: str) -> Access:
    if code in {_ACCEPTED, _UNKNOWN_SCHEMA}:
        return Access.LET_IN
    if code in _REFUSALS:
        return Access.REFUSED
    return Access.UNCLEAR if code else Access.SILENT


def judge_access(evidence: Evidence) -> Verdict:
    """PASS when every edge answered as documented and the canary showed that the probe sees both answers."""
    expected = expected_access(evidence.topology)
    observed = observed_access(evidence.observations)
    breaches = [
        f"{edge}: documented {access}, {observed[edge]}"
        for edge, access in expected.items()
        if edge in observed and observed[edge] is not access and observed[edge] in {Access.LET_IN, Access.REFUSED}
    ]
    breaches += _without_own_schema(evidence.observations, expected)
    doubts = [f"{edge}: {access}" for edge, access in observed.items() if access in {Access.SILENT, Access.UNCLEAR}]
    doubts += [f"{edge}: not probed" for edge in expected if edge not in observed]
    undocumented = [f"{edge}: not in the document" for edge in observed if edge not in expected]
    blind = _blindness(evidence.observations)
    numbers = {
        "edges_expected": float(len(expected)),
        "edges_answered": float(len(expected) - len(doubts)),
        "breaches": float(len(breaches)),
    }
    lines = (*blind, *breaches, *doubts, *undocumented)
    if blind:
        return unknown(f"the probe cannot see: {blind[0]}", *lines, numbers=numbers)
    if breaches:
        return failed(_summed(breaches), *lines, numbers=numbers)
    if doubts or undocumented:
        return unknown(_summed([*doubts, *undocumented]), *lines, numbers=numbers)
    return passed(
        f"all {len(expected)} logins answered as documented: each service's user opens its own database only, "
        "root and accounts without a name none",
        *_canary_lines(evidence.observations),
        numbers=numbers,
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


def _blindness(observations: Iterable[Observation]) -> list[str]:
    """Why the canary does not vouch for the probe; nothing when it does.

    An account made for the purpose had to be let in while it existed and refused once it was dropped.
    """
    seen = {str(o.detail.get("phase", "")): _access(str(o.detail.get("code", ""))) for o in only(observations, CANARY)}
    wanted = {"open": Access.LET_IN, "closed": Access.REFUSED}
    return [
        f"the {phase} canary account was {seen[phase]}" if phase in seen else f"no {phase} canary account was tried"
        for phase, access in wanted.items()
        if seen.get(phase) is not access
    ]


def _canary_lines(observations: Iterable[Observation]) -> tuple[str, ...]:
    return tuple(
        f"control: the canary account on {o.target} answered {o.detail.get('code')} when {o.detail.get('phase')}"
        for o in only(observations, CANARY)
    )


def _summed(lines: list[str]) -> str:
    more = len(lines) - 1
    return f"{lines[0]}, and {more} more" if more else lines[0]
