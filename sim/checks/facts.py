"""Facts: what each server was asked, against what the document says of it.

``ask`` writes what a server said; a :class:`Fact` compares it, server by server, with a table computed from the
document. A server that was not asked or gave no answer leaves the fact open; one the document does not have breaks it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import Refused, SimError
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence, Stage
from sim.verdict import Status, Verdict, worst

_POLL_S = 0.05
_LINE_LENGTH = 160

Judge = Callable[[Evidence], Verdict]
Problem = Callable[[Any, Any], str]
"""(observed, documented) → what is wrong, empty when it is as documented."""


class Doubt(str):
    """A problem that leaves the fact open instead of breaking it."""

    __slots__ = ()


def ask(stage: Stage, op: str, target: str, question: Callable[[], Any], **detail: Any) -> Any:
    """Put one question to a server and record the answer as ``value``. Returns it, None when there was none.

    A refusal is an answer: FAILED with its code. Silence is UNSURE, with what was seen of it.
    """
    try:
        answer = question()
    except Refused as refusal:
        stage.record(op, target, Outcome.FAILED, code=refusal.code, message=str(refusal), **detail)
        return None
    except SimError as error:
        stage.record(op, target, Outcome.UNSURE, message=str(error), **detail)
        return None
    stage.record(op, target, Outcome.OK, value=as_json(answer), **detail)
    return answer


def as_json(value: Any) -> Any:
    """A value as it will be read back from a history file."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


@dataclass(frozen=True, slots=True)
class Fact:
    """One operation's answers, judged by target.

    ``expected`` gives target → documented value; ``problem`` compares; ``holds`` is the sentence of a pass, said of all
    targets. ``excused`` may answer a problem with the reason why the image that ran cannot show the fact.
    """

    op: str
    section: str
    expected: Callable[[Evidence], Mapping[str, Any]]
    problem: Problem
    holds: str
    excused: Callable[[Evidence, Any, Any], str] | None = None

    def __call__(self, evidence: Evidence) -> Verdict:
        expected = self.expected(evidence)
        if not expected:
            return Verdict(Status.UNKNOWN, f"the document gives nothing to compare {self.op} with")
        findings = _Findings()
        asked: dict[str, list[Observation]] = {}
        for observation in only(evidence.observations, self.op):
            asked.setdefault(observation.target, []).append(observation)
        for target, documented in expected.items():
            if target not in asked:
                findings.open.append(f"{target}: {self.op} was not observed")
            for observation in asked.get(target, ()):
                self._weigh(evidence, observation, documented, findings)
        findings.wrong.extend(
            f"{target}: not in the document (section {self.section})" for target in asked if target not in expected
        )
        return findings.verdict(f"{len(expected)} of {len(expected)}: {self.holds}")

    def _weigh(self, evidence: Evidence, observation: Observation, documented: Any, findings: _Findings) -> None:
        target, detail = observation.target, observation.detail
        if observation.outcome is Outcome.UNSURE:
            findings.open.append(f"{target}: no answer to {self.op}: {detail.get('message', '')}")
            return
        if observation.outcome is Outcome.FAILED:
            findings.wrong.append(f"{target}: {self.op} was refused: {detail.get('message', '')}")
            return
        if "value" not in detail:
            findings.open.append(f"{target}: {self.op} holds no answer")
            return
        observed = detail["value"]
        problem = self.problem(observed, documented)
        if not problem:
            findings.right.append(f"{target}: {self.op}: {_brief(observed)}")
            return
        excuse = self.excused(evidence, observed, documented) if self.excused else ""
        sentence = f"{target}: {problem} (section {self.section})"
        if excuse:
            findings.beyond.append(f"{sentence}: {excuse}")
        elif isinstance(problem, Doubt):
            findings.open.append(sentence)
        else:
            findings.wrong.append(sentence)


class _Findings:
    """Sentences by what they do to the verdict: break the fact, leave it open, put it beyond these images, or hold."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.open: list[str] = []
        self.beyond: list[str] = []
        self.right: list[str] = []

    def verdict(self, holds: str) -> Verdict:
        lines = (*self.wrong, *self.open, *self.beyond)
        numbers = {"as_documented": float(len(self.right)), "otherwise": float(len(lines))}
        if not lines:
            return Verdict(Status.PASS, holds, tuple(self.right), {"as_documented": float(len(self.right))})
        more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
        status = Status.FAIL if self.wrong else Status.UNKNOWN
        only_beyond = not self.wrong and not self.open
        return Verdict(status, f"{lines[0]}{more}", lines, numbers, beyond_fidelity=only_beyond)


def every(*judges: Judge) -> Judge:
    """All of them hold. The worst decides, with the others' evidence beside it."""

    def judge(evidence: Evidence) -> Verdict:
        verdicts = [one(evidence) for one in judges]
        status = worst(v.status for v in verdicts)
        decisive = [v for v in verdicts if v.status is status]
        reason = "; ".join(v.reason for v in (decisive if status is Status.PASS else decisive[:1]))
        lines = tuple(line for v in verdicts for line in v.evidence)
        beyond = status is Status.UNKNOWN and all(v.beyond_fidelity for v in decisive)
        numbers = {"as_documented": sum(v.numbers.get("as_documented", 0.0) for v in verdicts)}
        return Verdict(status, reason, lines, numbers, beyond_fidelity=beyond)

    return judge


def until(stage: Stage, read: Callable[[], Any], satisfied: Callable[[Any], bool], deadline_s: float) -> Any:
    """Read again until ``satisfied``, at most ``deadline_s``; the last answer either way, for a judge to weigh."""
    ends_s = stage.clock.now_s() + deadline_s
    answer = read()
    while not satisfied(answer) and stage.clock.now_s() < ends_s:
        stage.clock.sleep_s(_POLL_S)
        answer = read()
    return answer


def observe_state(stage: Stage, server: str) -> None:
    """What the engine says of a server: it tells one that is gone from one that merely did not answer."""

    def state() -> dict[str, Any]:
        seen = stage.control.state(server)
        return {"state": seen.state, "exit_code": seen.exit_code, "oom_killed": seen.oom_killed}

    ask(stage, "engine-state", server, state)


def running(section: str, expected: Callable[[Evidence], Mapping[str, Any]]) -> Fact:
    """The engine runs each of the expected servers."""

    def problem(observed: Any, documented: Any) -> str:
        if observed["state"] == documented:
            return ""
        killed = " and was killed for want of memory" if observed["oom_killed"] else ""
        return f"its container is {observed['state']} (exit code {observed['exit_code']}){killed}"

    return Fact("engine-state", section, expected, problem, "the container runs")


def same(observed: Any, documented: Any) -> bool:
    """Equal as values: ``"60"``, ``60`` and ``60.0`` are one number."""
    if isinstance(observed, list | tuple) and isinstance(documented, list | tuple):
        return len(observed) == len(documented) and all(map(same, observed, documented))
    try:
        return float(observed) == float(documented)
    except (TypeError, ValueError):
        return bool(observed == documented)


def equals(what: str) -> Problem:
    """The whole answer is the documented value."""

    def problem(observed: Any, documented: Any) -> str:
        return "" if same(observed, documented) else f"{what} is {shown(observed)}, documented {shown(documented)}"

    return problem


def setting(name: str) -> Problem:
    """One key of the answer is the documented value."""

    def problem(observed: Any, documented: Any) -> str:
        if name not in observed:
            return f"it has no setting {name}, documented {shown(documented)}"
        return equals(name)(observed[name], documented)

    return problem


def exactly(what: str) -> Problem:
    """The answer is a list of the documented members, no fewer and no more, in any order."""

    def problem(observed: Any, documented: Any) -> str:
        missing = sorted(set(documented) - set(observed))
        foreign = sorted(set(observed) - set(documented))
        parts = [f"{what} lack {', '.join(missing)}"] if missing else []
        return "; ".join([*parts, *([f"{what} have {', '.join(foreign)}, not documented"] if foreign else [])])

    return problem


def at_least(what: str) -> Problem:
    """The answer is a list that has every documented member."""

    def problem(observed: Any, documented: Any) -> str:
        missing = sorted(set(documented) - set(observed))
        return f"{what} lack {', '.join(missing)}" if missing else ""

    return problem


def accepted(observed: Any, _documented: Any) -> str:
    """The server let the client in."""
    return "" if observed["accepted"] else f"refused ({observed['code']}: {observed['message']}), documented accepted"


def refused(observed: Any, documented: Any) -> str:
    """The server turned the client away with one of the documented codes; another code is another reason."""
    if observed["accepted"]:
        return "let in, documented refused"
    if observed["code"] not in documented:
        said = f"{observed['code']}: {observed['message']}"
        return Doubt(f"refused, but for another reason ({said}) than {' or '.join(documented)}")
    return ""


def _brief(value: Any) -> str:
    """What was seen, short enough for one line of a report."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LINE_LENGTH else f"{text[: _LINE_LENGTH - 1]}…"


def shown(value: Any) -> str:
    """A value as a reader wants it in a sentence."""
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "nothing"
    if isinstance(value, float):
        return f"{value:g}"
    return "nothing" if value in {None, ""} else str(value)
