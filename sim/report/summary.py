"""What a run came to, in words and counts: the same for the terminal, the page and the machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.judging import counts
from sim.record import Record, ScenarioResult
from sim.verdict import Fidelity, Status

GROUPS = ("conformance", "isolation", "failover", "limits", "throughput")
"""In the order a reader wants them: is it as documented, is it apart, does it survive, does it fit, is it fast."""

_NAMED = 3
_IN_MEMORY_RUNTIME = "fake"
_ONLY_KNOWN = "Only what the document is known to contradict itself in was tried; nothing else was shown."
_ON_SERVERS = "on the servers that ran"

_EXIT_MEANINGS = {
    Status.PASS: "exit 0: every claim that these images can show was shown",
    Status.FAIL: "exit 1: the platform failed",
    Status.UNKNOWN: "exit 3: the rig could not tell",
}

FIDELITY_WORDS = {
    Fidelity.DOCUMENTED: "documented",
    Fidelity.SAME_SOFTWARE: "same software",
    Fidelity.STAND_IN: "stand-in",
}

FIDELITY_MARKS = {Fidelity.DOCUMENTED: "●", Fidelity.SAME_SOFTWARE: "◐", Fidelity.STAND_IN: "○"}

_BEYOND, _KNOWN = "beyond", "known"


@dataclass(frozen=True, slots=True)
class Counts:
    """``beyond`` are UNKNOWN only because of the images that ran, ``known`` bear a contradiction of the document out.

    Both are left out of the run's verdict.
    """

    passed: int
    failed: int
    unknown: int
    beyond: int
    known: int = 0

    @property
    def judged(self) -> int:
        """How many bear on the run's verdict."""
        return self.passed + self.failed + self.unknown

    def __str__(self) -> str:
        words = f"{self.passed} passed, {self.failed} failed, {self.unknown} unknown"
        if self.known:
            words += f", {self.known} known contradiction{'' if self.known == 1 else 's'}"
        return f"{words}, {self.beyond} not provable on these images" if self.beyond else words


def count(record: Record) -> Counts:
    counted = [r for r in record.scenarios if counts(r, strict=record.strict)]
    return Counts(
        passed=sum(r.verdict is Status.PASS for r in counted),
        failed=sum(r.verdict is Status.FAIL for r in counted),
        unknown=sum(r.verdict is Status.UNKNOWN for r in counted),
        beyond=len(not_provable(record)),
        known=len(known_contradictions(record)),
    )


def sentence(record: Record) -> str:
    """Why the run has the verdict it has."""
    tally = count(record)
    if not record.scenarios:
        return "No scenario ran, so nothing was shown."
    if not tally.judged:
        return _ONLY_KNOWN if tally.known else "Nothing could be shown on these images."
    claims = "claim" if tally.judged == 1 else "claims"
    if record.verdict is Status.FAIL:
        names = _names(r for r in unshown(record) if r.verdict is Status.FAIL)
        verb = "does" if tally.failed == 1 else "do"
        return f"{tally.failed} of {tally.judged} {claims} {verb} not hold: {names}."
    if record.verdict is Status.UNKNOWN:
        names = _names(r for r in unshown(record) if r.verdict is Status.UNKNOWN)
        verb = "was" if tally.unknown == 1 else "were"
        return f"{tally.unknown} of {tally.judged} {claims} {verb} not shown either way: {names}."
    where = "in a rehearsal without servers, which shows nothing of the platform" if rehearsed(record) else _ON_SERVERS
    if tally.judged == 1:
        return f"The one claim judged holds {where}."
    return f"All {tally.judged} claims judged hold {where}."


def exit_meaning(record: Record) -> str:
    """What the exit code says of this run."""
    if rehearsed(record) and record.verdict is Status.PASS:
        return "exit 0: every scenario passed its rehearsal"
    return _EXIT_MEANINGS[record.verdict]


def fidelity_word(record: Record, fidelity: Fidelity) -> str:
    """The fidelity in words; what was modelled in memory is near to no image at all."""
    return "modelled" if rehearsed(record) else FIDELITY_WORDS[fidelity]


def rehearsed(record: Record) -> bool:
    """Whether the in-memory runtime played the servers: it proves the rig, never the platform."""
    return record.runtime == _IN_MEMORY_RUNTIME


def unshown(record: Record) -> tuple[ScenarioResult, ...]:
    """What keeps the run from a PASS: the failed first, then the unknown that count."""
    bad = [r for r in record.scenarios if r.verdict is not Status.PASS and counts(r, strict=record.strict)]
    return tuple(sorted(bad, key=lambda r: r.verdict is not Status.FAIL))


def not_provable(record: Record) -> tuple[ScenarioResult, ...]:
    """What no image of this run can show, and so left out of the verdict."""
    return tuple(r for r in record.scenarios if r.beyond_fidelity and not counts(r, strict=record.strict))


def known_contradictions(record: Record) -> tuple[ScenarioResult, ...]:
    """What failed as the document's own contradictions have it, and so left out of the verdict."""
    return tuple(r for r in record.scenarios if r.contradiction and not counts(r, strict=record.strict))


def by_group(results: Iterable[ScenarioResult]) -> dict[str, tuple[ScenarioResult, ...]]:
    """Results by group, known groups first, in the order they came."""
    everything = tuple(results)
    others = [r.group for r in everything if r.group not in GROUPS]
    groups = {name: tuple(r for r in everything if r.group == name) for name in dict.fromkeys((*GROUPS, *others))}
    return {name: members for name, members in groups.items() if members}


def word(result: ScenarioResult) -> str:
    """The verdict's word for class names and symbols: ``pass``, ``fail``, ``unknown``, ``beyond`` or ``known``."""
    if result.contradiction:
        return _KNOWN
    return _BEYOND if result.beyond_fidelity else result.verdict.value.lower()


def number_text(value: float) -> str:
    """A number for people: no trailing zeros, thousands apart, four figures where it is small."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.1f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _names(results: Iterable[ScenarioResult]) -> str:
    names: Sequence[str] = [r.name for r in results]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
