"""A comparison in words and rows: the same for the terminal, the page and the machines."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from sim.comparison.model import Call, Change, Comparison
from sim.record import plain
from sim.report.summary import number_text
from sim.statistics.ratios import Ratio

KINDS = {Call.REGRESSION: "fail", Call.IMPROVEMENT: "pass", Call.SAME: "pass", Call.INCONCLUSIVE: "unknown"}
SYMBOLS = {Call.REGRESSION: "✗", Call.IMPROVEMENT: "↑", Call.SAME: "=", Call.INCONCLUSIVE: "?"}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure as it is shown. ``change`` and ``interval`` are in per cent worse; better is negative."""

    scenario: str
    metric: str
    call: Call
    before: str
    after: str
    change: str
    interval: str
    why: str
    worse: Ratio | None = None

    @property
    def kind(self) -> str:
        return KINDS[self.call]

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.call]


_BESIDE = "a neighbour that did not change; shown is what was measured"
"""Why two medians that differ need be no change: the machine was slower, and slower for both."""


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """Figures by scenario, and after them the verdicts that were not all good."""
    figures = [_row(change) for change in comparison.changes]
    verdicts = [
        Row(v.scenario, "verdict", v.call, f"{v.failed_before} failed", f"{v.failed_after} failed", "", "", v.why)
        for v in comparison.verdicts
    ]
    return tuple(sorted((*figures, *verdicts), key=lambda row: row.scenario))


def _row(change: Change) -> Row:
    why = change.why
    if change.call is Call.INCONCLUSIVE and change.repeats_needed and change.worse is not None:
        why = f"{why}; {change.repeats_needed} more runs would tell"
    worse = change.worse
    return Row(
        scenario=change.scenario,
        metric=change.metric,
        call=change.call,
        before=_middle(change.before),
        after=_middle(change.after),
        change=_percent(worse.value) if worse else "",
        interval=f"{_percent(worse.lower)} to {_percent(worse.upper)}" if worse else "",
        why=why,
        worse=worse,
    )


def _middle(values: tuple[float, ...]) -> str:
    return number_text(float(f"{median(values):.4g}")) if values else "-"


def _percent(ratio: float) -> str:
    percent = 100 * (ratio - 1)
    return f"{percent:+.1f} %" if abs(percent) < 99.95 else f"{percent:+.0f} %"


def heads(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """What was compared and how, by name."""
    before, after = comparison.before, comparison.after
    if comparison.paired:
        how = "run in turns, so compared pair by pair"
    elif min(len(before.repeats), len(after.repeats)) > 1:
        how = "not run in turns: what the machine did in between is in the difference"
    else:
        how = "one run of either side: the noise between runs is not known"
    return (
        ("before", f"{before.name}, {_runs(len(before.repeats))}"),
        ("after", f"{after.name}, {_runs(len(after.repeats))}"),
        ("repeats", how),
        *((("beside", _BESIDE),) if any(change.beside for change in comparison.changes) else ()),
        *(("differs", condition) for condition in comparison.conditions),
    )


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def document(comparison: Comparison) -> dict[str, Any]:
    """As one JSON document."""
    return {
        "verdict": comparison.status.value,
        "sentence": comparison.sentence,
        "before": {"name": comparison.before.name, "runs": [r.record.run_id for r in comparison.before.repeats]},
        "after": {"name": comparison.after.name, "runs": [r.record.run_id for r in comparison.after.repeats]},
        "paired": comparison.paired,
        "confidence": round(comparison.confidence, 6),
        "least_change": comparison.question.least_change,
        "must_see": comparison.question.must_see,
        "conditions": list(comparison.conditions),
        "changes": plain(comparison.changes),
        "verdicts": plain(comparison.verdicts),
    }
