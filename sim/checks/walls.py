"""Who may do what: the document's table, the observed one of the same shape, and their difference as the verdict.

A table maps questions to :class:`Access`. The expected side comes from the document and the plan of rights it leads to;
the observed side from what servers answered. A question without an answer is open, never passed; a control that was
not seen opened and closed leaves the whole table open, because then the probe has shown nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sim.history import Observation, only
from sim.scenario import Evidence
from sim.topology.model import Topology
from sim.verdict import Verdict, failed, passed, unknown

DOCUMENTED = "documented"
"""The expected side, written down for a report's sake: a judge computes it itself."""
ATTEMPT = "attempt"
"""One question put to a server: ``detail`` has ``actor``'s ``action``, ``resource`` and the answer's ``code``."""
CANARY = "canary"
"""The control: ``detail`` has its ``phase``, open or closed, and the answer's ``code``."""

_LINES = 200


class Access(StrEnum):
    LET_IN = "let in"
    REFUSED = "refused"
    SILENT = "no answer"
    UNCLEAR = "no answer that tells"


_WEIGHT = {Access.LET_IN: 3, Access.SILENT: 2, Access.UNCLEAR: 1, Access.REFUSED: 0}


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """Whether ``actor`` may do ``action`` to ``resource`` on ``server``."""

    actor: str
    action: str
    resource: str
    server: str

    def __str__(self) -> str:
        return f"{self.actor}: {self.action}{f' {self.resource}' if self.resource else ''} on {self.server}"


@dataclass(frozen=True, slots=True)
class Codes:
    """A protocol's answers: those past the wall (whatever they then complain of), and those that are the wall."""

    let_in: frozenset[str]
    refused: frozenset[str]

    def access(self, code: str) -> Access:
        if code in self.refused:
            return Access.REFUSED
        if code in self.let_in:
            return Access.LET_IN
        return Access.UNCLEAR if code else Access.SILENT


# 1094 no such session, 1126 no such library, 1133/1410 no such account, 1146 no such table, 1290/13 a file that is not
# to be, 1381 no binary log, 1396 account is there already: each is said only after the right was found.
SQL = Codes(
    frozenset(
        {"0", "13", "1007", "1008", "1049", "1086", "1094", "1126", "1133", "1146", "1290", "1381", "1396", "1410"}
    ),
    frozenset({"1044", "1045", "1130", "1142", "1143", "1227", "1698"}),
)
# Not found, in use, precondition failed, not implemented, no route: permissions are checked before all of them.
AMQP = Codes(frozenset({"0", "312", "404", "405", "406", "540"}), frozenset({"403", "530"}))
RESP = Codes(frozenset({"0", "ERR", "WRONGTYPE"}), frozenset({"NOPERM", "NOAUTH", "WRONGPASS", "DISABLED"}))
HTTP = Codes(frozenset({"200", "404"}), frozenset({"401", "403"}))
S3 = Codes(frozenset({"200", "204", "206", "400", "404", "409"}), frozenset({"401", "403"}))

_Q = TypeVar("_Q")


def observed_table(observations: Iterable[Observation], codes: Codes) -> Mapping[Question, Access]:
    """What was answered. Asked twice with two answers, the one that lets in counts, then the one that tells least."""
    table: dict[Question, Access] = {}
    for observation in only(observations, ATTEMPT):
        detail = observation.detail
        action, resource = str(detail.get("action", "")), str(detail.get("resource", ""))
        question = Question(observation.actor, action, resource, observation.target)
        worse(table, question, codes.access(str(detail.get("code", ""))))
    return table


def worse(table: dict[_Q, Access], question: _Q, access: Access) -> None:
    """Put an answer into a table, keeping the one that lets in, then the one that tells least."""
    table[question] = max(table.get(question, access), access, key=_WEIGHT.__getitem__)


@dataclass(frozen=True, slots=True)
class Wall:
    """``expected`` is the whole table; ``holds`` the sentence of a pass, said after how many questions it rests on.

    ``control`` are the codes of the control's answers where they are others than the table's.
    """

    expected: Callable[[Evidence], Mapping[Question, Access]]
    codes: Codes
    holds: str
    control: Codes | None = None

    def __call__(self, evidence: Evidence) -> Verdict:
        expected = _remembered(self.expected, evidence)
        observed = observed_table(evidence.observations, self.codes)
        return compare(
            expected,
            observed,
            blind=blindness(evidence.observations, self.control or self.codes),
            control=control_lines(evidence.observations),
            holds=f"all {len(expected)} attempts answered as documented: {self.holds}",
        )


_TABLES: dict[Callable[[Evidence], object], tuple[Topology, str, Mapping[Question, Access]]] = {}


def _remembered(
    expected: Callable[[Evidence], Mapping[Question, Access]], evidence: Evidence
) -> Mapping[Question, Access]:
    """The table of a document is the same however often it is asked for, and mutants ask hundreds of times."""
    known = _TABLES.get(expected)
    if known is None or known[0] is not evidence.topology or known[1] != evidence.environment:
        known = _TABLES[expected] = (evidence.topology, evidence.environment, expected(evidence))
    return known[2]


def compare(
    expected: Mapping[_Q, Access],
    observed: Mapping[_Q, Access],
    *,
    blind: Iterable[str],
    control: Iterable[str],
    holds: str,
    more_breaches: Iterable[str] = (),
) -> Verdict:
    """PASS when every question was answered as documented and the control showed that the probe sees both answers."""
    told = {Access.LET_IN, Access.REFUSED}
    breaches = [
        f"{question}: documented {access}, {observed[question]}"
        for question, access in expected.items()
        if question in observed and observed[question] is not access and observed[question] in told
    ]
    breaches += more_breaches
    doubts = [f"{question}: {access}" for question, access in observed.items() if access not in told]
    doubts += [f"{question}: not probed" for question in expected if question not in observed]
    undocumented = [f"{question}: not in the document" for question in observed if question not in expected]
    blind = tuple(blind)
    numbers = {
        "edges_expected": float(len(expected)),
        "edges_answered": float(len(expected) - len(doubts)),
        "breaches": float(len(breaches)),
    }
    lines = (*blind, *breaches, *doubts, *undocumented)[:_LINES]
    if not expected:
        return unknown("the document gives nothing to compare with", *lines)
    if blind:
        return unknown(f"the probe cannot see: {blind[0]}", *lines, numbers=numbers)
    if breaches:
        return failed(summed(breaches), *lines, numbers=numbers)
    if doubts or undocumented:
        return unknown(summed([*doubts, *undocumented]), *lines, numbers=numbers)
    return passed(holds, *control, numbers=numbers)


def blindness(observations: Iterable[Observation], codes: Codes) -> list[str]:
    """Why the control does not vouch for the probe; nothing when it does.

    What was made for the purpose had to be let in while it was open and refused once it was closed.
    """
    seen = {
        str(o.detail.get("phase", "")): codes.access(str(o.detail.get("code", ""))) for o in only(observations, CANARY)
    }
    wanted = {"open": Access.LET_IN, "closed": Access.REFUSED}
    return [
        f"the {phase} canary was {seen[phase]}" if phase in seen else f"no {phase} canary was tried"
        for phase, access in wanted.items()
        if seen.get(phase) is not access
    ]


def control_lines(observations: Iterable[Observation]) -> tuple[str, ...]:
    return tuple(
        f"control: the canary on {o.target} answered {o.detail.get('code')} when {o.detail.get('phase')}"
        for o in only(observations, CANARY)
    )


def controlled(judge: Callable[[Evidence], Verdict], codes: Codes) -> Callable[[Evidence], Verdict]:
    """``judge``'s verdict, which counts for nothing while the control does not vouch for the probe."""

    def decide(evidence: Evidence) -> Verdict:
        blind = blindness(evidence.observations, codes)
        verdict = judge(evidence)
        if blind:
            return unknown(f"the probe cannot see: {blind[0]}", *blind, *verdict.evidence, numbers=verdict.numbers)
        lines = (*verdict.evidence, *control_lines(evidence.observations))
        return Verdict(verdict.status, verdict.reason, lines, verdict.numbers, verdict.beyond_fidelity)

    return decide


def summed(lines: list[str]) -> str:
    more = len(lines) - 1
    return f"{lines[0]}, and {more} more" if more else lines[0]
