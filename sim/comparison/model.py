"""A comparison as it comes out: each figure's call, each verdict's, and the answer to all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sim.comparison.metrics import Better
from sim.comparison.runs import Build
from sim.statistics.ratios import Ratio
from sim.verdict import Status

LEAST_CHANGE = 0.05
MUST_SEE = 0.20


class Call(StrEnum):
    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    SAME = "no change"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared: of which scenarios (all by default), by which figures (those of merit by default).

    A change of less than ``least_change`` is not worth a name; one of ``must_see`` must not go unseen.
    """

    scenarios: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    least_change: float = LEAST_CHANGE
    must_see: float = MUST_SEE


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one scenario. ``worse`` is how many times worse it is after than before; 1.2 is a fifth.

    ``beside``: weighed as a multiple of a neighbour's, who did not change; ``before`` and ``after`` are as measured.

    ``repeats_needed`` more a side would probably tell; None when no reasonable number would, 0 when it is told.
    """

    scenario: str
    metric: str
    better: Better
    before: tuple[float, ...]
    after: tuple[float, ...]
    call: Call
    why: str
    worse: Ratio | None = None
    repeats_needed: int | None = 0
    beside: bool = False


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A scenario that failed in some run, on either side."""

    scenario: str
    failed_before: int
    failed_after: int
    call: Call
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """``confidence`` is that of each figure's interval; ``conditions`` what else than the build was not the same."""

    before: Build
    after: Build
    question: Question
    paired: bool
    confidence: float
    changes: tuple[Change, ...]
    verdicts: tuple[VerdictChange, ...]
    conditions: tuple[str, ...]

    @property
    def calls(self) -> list[Call]:
        return [*(c.call for c in self.changes), *(v.call for v in self.verdicts)]

    @property
    def status(self) -> Status:
        """FAIL with any regression; UNKNOWN with anything that could not be told, or when nothing was compared."""
        calls = self.calls
        if Call.REGRESSION in calls:
            return Status.FAIL
        return Status.UNKNOWN if Call.INCONCLUSIVE in calls or not calls else Status.PASS

    @property
    def sentence(self) -> str:
        """The answer, in one sentence."""
        calls = self.calls
        if self.status is Status.FAIL:
            return f"{calls.count(Call.REGRESSION)} of {len(calls)} got worse, beyond the noise."
        if self.status is Status.PASS:
            better = calls.count(Call.IMPROVEMENT)
            also = f"; {better} got better" if better else ""
            return f"None of {len(calls)} got worse by {100 * self.question.must_see:g} % or more{also}."
        if not calls:
            return "Nothing to compare: no figure of merit in common."
        return f"{calls.count(Call.INCONCLUSIVE)} of {len(calls)} cannot be told from these runs."
