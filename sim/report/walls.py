"""Who may do what, as a report sees it: every question that was put, the document's answer and the server's.

Read from what scenarios of isolation write. ``documented`` gives, for an actor and a server, a ``table`` of [action,
resource, ``let in`` or ``refused``] and which of the protocol's codes let in and which refuse. ``attempt`` is one
question with its ``action``, ``resource`` and the answer's ``code``. ``login`` is a question of its own kind: ``user``,
``owner`` (the document lets it in), ``database`` and ``code``. ``edges`` are all that was probed from one pod to
another: ``found`` maps outcomes to ports, ``rules`` what decided (beginning with ``allowed`` or ``denied``) to ports.
``counters`` are a pod's: packets by the rule that let them pass or dropped them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sim.history import Observation

DOCUMENTED, ATTEMPT, LOGIN, EDGES, COUNTERS = "documented", "attempt", "login", "edges", "counters"
OPS = frozenset({DOCUMENTED, ATTEMPT, LOGIN, EDGES, COUNTERS})

_LET_IN = "let in"
# MySQL's ways of refusing an account, a host or a schema, and of saying that it let in; all else is no answer.
_LOGIN_REFUSED = frozenset({"1044", "1045", "1130", "1142", "1227", "1698"})
_LOGIN_LET_IN = frozenset({"0", "1049"})
# A refusal by a closed port is an answer all the same: the packet arrived. Only a packet that was dropped was kept out.
_ARRIVED, _KEPT_OUT = frozenset({"connected", "refused", "silent"}), frozenset({"dropped"})
_ALLOWED = "allowed"


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

    def __str__(self) -> str:
        where = self.target if self.group in {"", self.target} else f"{self.target} on {self.group}"
        return f"{self.source} → {where}{f', {self.asked}' if self.what else ''}: {self.answer}"

    @property
    def asked(self) -> str:
        return self.what or "in itself"

    @property
    def answer(self) -> str:
        return f"{self.state}{f' ({self.code})' if self.code not in {'', '0'} else ''}"


def worst(states: Iterable[State]) -> State:
    return max(states, key=_WORSE.__getitem__)


def asked(observations: Iterable[Observation]) -> tuple[Asked, ...]:
    """Every question of one scenario, in the document's order; asked twice, the worse answer counts."""
    by_op: dict[str, list[Observation]] = defaultdict(list)
    for observation in observations:
        by_op[observation.op].append(observation)
    tables = _Tables(by_op[DOCUMENTED])
    counted = {(o.target, str(rule)): int(n) for o in by_op[COUNTERS] for rule, n in o.detail["packets"].items()}
    found: dict[tuple[str, str, str], Asked] = {}
    for question in tables.untold():
        _keep(found, question)
    answered: dict[tuple[str, str, str], Asked] = {}
    for observation in by_op[LOGIN]:
        if {"user", "owner"} <= observation.detail.keys():
            _keep(answered, _login(observation))
    for observation in by_op[ATTEMPT]:
        for question in tables.answered(observation):
            _keep(answered, question)
    for observation in by_op[EDGES]:
        for question in _probed(observation, counted):
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

    def __init__(self, told: Iterable[Observation]) -> None:
        self._expected: dict[tuple[str, str, str, str], bool] = {}
        self._let_in: set[str] = set()
        self._refused: set[str] = set()
        for observation in told:
            detail = observation.detail
            self._let_in |= set(map(str, detail.get("let_in", ())))
            self._refused |= set(map(str, detail.get("refused", ())))
            for action, resource, access in detail.get("table", ()):
                self._expected[observation.actor, observation.target, str(action), str(resource)] = access == _LET_IN

    def untold(self) -> Iterator[Asked]:
        """Every question of the table, as if nobody had put it."""
        for key, let_in in self._expected.items():
            yield _asked(key, State.UNTOLD, "", f"documented {_LET_IN if let_in else 'refused'}, not tried")

    def answered(self, observation: Observation) -> Iterator[Asked]:
        """Nothing for what the document does not speak of: the verdict names it."""
        detail: Mapping[str, object] = observation.detail
        action, resource = str(detail.get("action", "")), str(detail.get("resource", ""))
        key = (observation.actor, observation.target, action, resource)
        if key in self._expected:
            code = str(detail.get("code", ""))
            let_in = True if code in self._let_in else False if code in self._refused else None
            yield _asked(key, _state(documented=self._expected[key], let_in=let_in), code, "")


def _asked(key: tuple[str, str, str, str], state: State, code: str, note: str) -> Asked:
    source, server, action, resource = key
    return Asked(source, resource or server, server if resource else "", action, state, code, note)


def _probed(observation: Observation, counted: Mapping[tuple[str, str], int]) -> Iterator[Asked]:
    """Every port of one pair of pods, with the rules that decided and how many packets each of them has counted."""
    decided = {place: rule for rule, places in observation.detail.get("rules", {}).items() for place in places}
    for outcome, places in observation.detail.get("found", {}).items():
        let_in = True if outcome in _ARRIVED else False if outcome in _KEPT_OUT else None
        for place in places:
            rule = decided.get(place)
            if rule is not None:
                state = _state(documented=rule.startswith(_ALLOWED), let_in=let_in)
                note = _counted(rule, (observation.actor, observation.target), counted)
                yield Asked(observation.actor, observation.target, "", place, state, outcome, note)


def _counted(rule: str, pair: tuple[str, str], counted: Mapping[tuple[str, str], int]) -> str:
    """``allowed: a egress[0]; b ingress[0]`` with each part's packets: the source's way out, the target's way in."""
    verdict, _, parts = rule.partition(": ")
    told = []
    for part in filter(None, parts.split("; ")):
        pod = pair[0] if part.rpartition(" ")[2].startswith("egress") else pair[1]
        packets = counted.get((pod, part))
        told.append(part if packets is None else f"{part} (counted {packets})")
    return f"{verdict}: {'; '.join(told)}" if told else verdict


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
