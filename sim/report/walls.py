"""Who may do what, as a report sees it: every question that was put, the document's answer and the server's.

Read from three kinds of observation. ``documented`` gives, for an actor and a server, a ``table`` of [action, resource,
``let in`` or ``refused``] and which of the protocol's codes let in and which refuse. ``attempt`` is one question with
its ``action``, ``resource`` and the answer's ``code``; where a network was asked, beside it the ``packets`` that were
counted and the ``rule`` that decided. ``login`` is a question of its own kind: ``user``, ``owner`` (the document lets
it in), ``database`` and ``code``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sim.history import Observation

DOCUMENTED, ATTEMPT, LOGIN = "documented", "attempt", "login"
OPS = frozenset({DOCUMENTED, ATTEMPT, LOGIN})

_LET_IN = "let in"
# MySQL's ways of refusing an account, a host or a schema, and of saying that it let in; all else is no answer.
_LOGIN_REFUSED = frozenset({"1044", "1045", "1130", "1142", "1227", "1698"})
_LOGIN_LET_IN = frozenset({"0", "1049"})


class State(StrEnum):
    """Worst last."""

    REFUSED = "refused, as documented"
    OPEN = "let in, as documented"
    UNTOLD = "no answer that tells"
    SHUT = "refused, documented let in"
    BREACH = "let in, documented refused"


DIFFERENCES = frozenset({State.SHUT, State.BREACH})
_WORSE = {state: place for place, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: ``source`` to ``target`` (in ``group``), and ``what`` exactly: a port, an action, a schema."""

    source: str
    target: str
    group: str
    what: str
    state: State
    code: str
    note: str = ""
    packets: int | None = None

    def __str__(self) -> str:
        where = self.target if self.group in {"", self.target} else f"{self.target} on {self.group}"
        return f"{self.source} → {where}{f', {self.asked}' if self.what else ''}: {self.answer}"

    @property
    def asked(self) -> str:
        counted = "" if self.packets is None else f" ({self.packets} packet{'' if self.packets == 1 else 's'})"
        return f"{self.what or 'in itself'}{counted}"

    @property
    def answer(self) -> str:
        return f"{self.state}{f' ({self.code})' if self.code not in {'', '0'} else ''}"


def worst(states: Iterable[State]) -> State:
    return max(states, key=_WORSE.__getitem__)


def asked(observations: Iterable[Observation]) -> tuple[Asked, ...]:
    """Every question of one scenario, in the document's order; asked twice, the worse answer counts."""
    found: dict[tuple[str, str, str], Asked] = {}
    tables = _Tables()
    attempts: list[Observation] = []
    for observation in observations:
        if observation.op == LOGIN and {"user", "owner"} <= observation.detail.keys():
            _keep(found, _login(observation))
        elif observation.op == DOCUMENTED:
            tables.take(observation)
        elif observation.op == ATTEMPT:
            attempts.append(observation)
    for key, let_in in tables.expected.items():
        _keep(found, tables.untold(key, let_in=let_in))
    answered: dict[tuple[str, str, str], Asked] = {}
    for observation in attempts:
        question = tables.answered(observation)
        if question is not None:
            _keep(answered, question)
    return tuple({**found, **answered}.values())


def _keep(table: dict[tuple[str, str, str], Asked], question: Asked) -> None:
    key = (question.source, f"{question.group}\0{question.target}", question.what)
    known = table.get(key)
    if known is None or _WORSE[question.state] > _WORSE[known.state]:
        table[key] = question


def _login(observation: Observation) -> Asked:
    detail = observation.detail
    code = str(detail.get("code", "")).strip()
    let_in = True if code in _LOGIN_LET_IN else False if code in _LOGIN_REFUSED else None
    schema = str(detail.get("database") or "")
    return Asked(
        str(detail["user"]),
        observation.target,
        "",
        f"naming {schema}" if schema else "",
        _state(documented=bool(detail["owner"]), let_in=let_in),
        code,
    )


class _Tables:
    """The document's side: (source, server, action, resource) → whether it lets in, and what codes mean."""

    def __init__(self) -> None:
        self.expected: dict[tuple[str, str, str, str], bool] = {}
        self._let_in: set[str] = set()
        self._refused: set[str] = set()

    def take(self, observation: Observation) -> None:
        detail = observation.detail
        self._let_in |= set(map(str, detail.get("let_in", ())))
        self._refused |= set(map(str, detail.get("refused", ())))
        for action, resource, access in detail.get("table", ()):
            self.expected[observation.actor, observation.target, str(action), str(resource)] = access == _LET_IN

    def untold(self, key: tuple[str, str, str, str], *, let_in: bool) -> Asked:
        """A question of the table that nobody put, as far as is known yet."""
        word = _LET_IN if let_in else "refused"
        return _asked(key, State.UNTOLD, "", f"documented {word}, not tried")

    def answered(self, observation: Observation) -> Asked | None:
        """None for what the document does not speak of: the verdict names it."""
        detail: Mapping[str, object] = observation.detail
        action, resource = str(detail.get("action", "")), str(detail.get("resource", ""))
        key = (observation.actor, observation.target, action, resource)
        if key not in self.expected:
            return None
        code = str(detail.get("code", ""))
        let_in = True if code in self._let_in else False if code in self._refused else None
        state = _state(documented=self.expected[key], let_in=let_in)
        packets = detail.get("packets")
        counted = packets if isinstance(packets, int) else None
        return _asked(key, state, code, str(detail.get("rule", "")), counted)


def _asked(key: tuple[str, str, str, str], state: State, code: str, note: str, packets: int | None = None) -> Asked:
    source, server, action, resource = key
    return Asked(source, resource or server, server if resource else "", action, state, code, note, packets)


def _state(*, documented: bool, let_in: bool | None) -> State:
    if let_in is None:
        return State.UNTOLD
    if let_in:
        return State.OPEN if documented else State.BREACH
    return State.SHUT if documented else State.REFUSED


def summary(questions: Iterable[Asked]) -> str:
    """The whole table in a sentence or two."""
    every = tuple(questions)
    differing = [question for question in every if question.state in DIFFERENCES]
    untold = sum(question.state is State.UNTOLD for question in every)
    said = f"{len(every) - len(differing) - untold} of {len(every)} questions answered as documented"
    said += f", {untold} not answered" if untold else ""
    return f"{said}; {len(differing)} differ." if differing else f"{said}."
