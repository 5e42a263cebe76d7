"""Journeys as data: what is asked of the platform step by step, and what each answer must be.

A journey's steps name what they keep of an answer (``{order_id}``); later steps use it, and so does the judge, which
reads what was kept from the history. Secrets that were kept (tokens, signed URLs) are never written down: a judge needs
none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.history import Observation, only
from sim.scenario import Evidence
from sim.verdict import Verdict, failed, passed, unknown

STEP = "step"
NAMES = "names"
"""What the walk drew for itself and may be known: e-mail addresses, a product's SKU."""
PROBLEM = "application/problem+json"
STRANGER = ""
ANY: Any = object()
"""Shown, whatever it is."""

_NAME = re.compile(r"\{([a-z_]+)\}")
_WHOLE = re.compile(r"\{([a-z_]+)\}\Z")
_CLIENT_ERROR = 400
_WRONG, _OPEN, _RIGHT = "wrong", "open", "right"


@dataclass(frozen=True, slots=True)
class Holds:
    """A list that has ``entry`` in it, whatever else."""

    entry: Any

    def accepts(self, here: Any, memory: Mapping[str, Any]) -> bool:
        return isinstance(here, list) and filled(self.entry, memory) in here


@dataclass(frozen=True, slots=True)
class Sums:
    """Numbers that add up to ``total``."""

    total: int

    def accepts(self, here: Any, _memory: Mapping[str, Any]) -> bool:
        return isinstance(here, list) and all(isinstance(n, int) for n in here) and sum(here) == self.total


@dataclass(frozen=True, slots=True)
class AtMost:
    bound: float

    def accepts(self, here: Any, _memory: Mapping[str, Any]) -> bool:
        return isinstance(here, int | float) and here <= self.bound


@dataclass(frozen=True, slots=True)
class Step:
    """One request and its answer.

    ``who`` is an actor's name, empty for a stranger. ``{name}`` in ``path``, ``body`` and ``shows`` stands for what an
    earlier step kept. ``keeps`` and ``hides`` map names to places in the answer (``items.0.name``, ``items.#`` for how
    many); what is hidden stays out of the history. ``shows`` maps places to what must be there. ``within_s``: asked
    again until it is so. ``follows``: ``path`` is a URL the platform gave, ``content`` goes there as it is.
    """

    name: str
    method: str
    path: str
    status: int
    who: str = STRANGER
    body: Any = None
    shows: Mapping[str, Any] = field(default_factory=dict)
    keeps: Mapping[str, str] = field(default_factory=dict)
    hides: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    within_s: float = 0.0
    follows: bool = False
    content: bytes | None = None
    content_type: str = ""


def filled(value: Any, memory: Mapping[str, Any]) -> Any:
    """``value`` with each ``{name}`` replaced by what was kept under it. Raises KeyError for what was not."""
    if isinstance(value, str):
        whole = _WHOLE.match(value)
        if whole:
            return memory[whole[1]]
        return _NAME.sub(lambda match: str(memory[match[1]]), value)
    if isinstance(value, Mapping):
        return {key: filled(entry, memory) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [filled(entry, memory) for entry in value]
    return value


def found(document: Any, place: str) -> Any:
    """What stands at ``place`` of a JSON document, None when nothing does; ``*`` collects from each entry of a list."""
    here = document
    for position, part in enumerate(parts := place.split(".")):
        if part == "#":
            return len(here) if isinstance(here, list | dict) else None
        if part == "*":
            rest = ".".join(parts[position + 1 :])
            return [found(entry, rest) if rest else entry for entry in here] if isinstance(here, list) else None
        if isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, Mapping):
            here = here.get(part)
        else:
            return None
    return here


def differences(step: Step, seen: Mapping[str, Any], memory: Mapping[str, Any]) -> list[str]:
    """What the answer shows that it must not, and does not show that it must."""
    lines: list[str] = []
    for place, wanted in step.shows.items():
        here = seen.get(place)
        if wanted is ANY:
            if here is None:
                lines.append(f"{place} is missing")
        elif isinstance(wanted, Holds | Sums | AtMost):
            if not wanted.accepts(here, memory):
                lines.append(f"{place} is {_brief(here)}, not {wanted}")
        elif (due := filled(wanted, memory)) != here:
            lines.append(f"{place} is {_brief(here)}, not {_brief(due)}")
    return lines


def judge_journey(steps: Sequence[Step], holds: str) -> Callable[[Evidence], Verdict]:
    """PASS when every step was answered as it must be."""

    def judge(evidence: Evidence) -> Verdict:
        answers: dict[str, Observation] = {str(o.detail.get("name")): o for o in only(evidence.observations, STEP)}
        memory = {name: value for o in only(evidence.observations, NAMES) for name, value in o.detail.items()}
        wrong: list[str] = []
        open_: list[str] = []
        right: list[str] = []
        places = {_WRONG: wrong, _OPEN: open_, _RIGHT: right}
        for step in steps:
            answer = answers.get(step.name)
            if answer is None:
                open_.append(f"{step.name}: not tried")
                continue
            memory |= answer.detail.get("kept", {})
            place, line = _weigh(step, answer, memory)
            places[place].append(f"{step.name}: {line}")
        numbers = {"steps": float(len(steps)), "as_they_must_be": float(len(right))}
        latencies_s = [float(o.detail["latency_s"]) for o in answers.values() if o.detail.get("latency_s")]
        if latencies_s:
            numbers["slowest_ms"] = round(1000 * max(latencies_s), 1)
        lines = (*wrong, *open_)
        if wrong:
            return failed(_summed(wrong), *lines, numbers=numbers)
        if open_ or not right:
            return unknown(_summed(open_ or ["no step"]), *lines, numbers=numbers)
        return passed(f"{len(right)} steps: {holds}", *right, numbers=numbers)

    return judge


def _weigh(step: Step, answer: Observation, memory: Mapping[str, Any]) -> tuple[str, str]:
    """Whether one step went as it must, and in words."""
    status, detail = int(answer.detail.get("status", 0)), answer.detail
    if status == 0:
        return _OPEN, f"no answer: {detail.get('message', '')}"
    if status != step.status:
        return _WRONG, f"{status}, not {step.status}: {detail.get('said', '')}"
    try:
        lines = differences(step, detail.get("seen", {}), memory)
    except KeyError as missing:
        return _OPEN, f"nothing was kept as {missing}"
    if status >= _CLIENT_ERROR and not step.follows and detail.get("content_type") != PROBLEM:
        lines.append(f"it is {detail.get('content_type') or 'nothing'}, not {PROBLEM}")
    return (_WRONG, "; ".join(lines)) if lines else (_RIGHT, str(status))


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _summed(lines: Sequence[str]) -> str:
    more = len(lines) - 1
    return f"{lines[0]}, and {more} more" if more else lines[0]
