"""Three answers for each figure: changed beyond noise, not by as much as matters, or the repeats cannot tell.

A regression is called when the whole interval of the ratio is on the worse side of 1 and the change is worth a name.
That there is none is said when the whole interval stays short of the change that must not go unseen. Confidence is
shared out over all figures compared (Bonferroni), so that a re-run of the same build is called changed, by any of them,
once in twenty comparisons at most.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sim.comparison.metrics import NEIGHBOUR, Better, asked_merit, merit
from sim.comparison.model import Call, Change, Comparison, Question, VerdictChange
from sim.comparison.runs import Build, Repeat, differing_conditions, interleaved
from sim.comparison.within import ratio_within
from sim.errors import BadInput
from sim.statistics.ratios import Ratio, free_ratio, paired_ratio
from sim.verdict import Status

FEWEST_REPEATS = 6
"""With fewer, bootstrap intervals at the confidence of several figures are too narrow to believe."""
FAMILY_CONFIDENCE = 0.95
_MOST_REPEATS = 1000
_LATENESS, _LATE_BOUND_MS = "generator_late_p99_ms", 100.0
"""A generator that sends this late was starved of the machine, and its latencies are its own."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """What every figure of a comparison shares."""

    before: Build
    after: Build
    question: Question
    confidence: float
    conditions: tuple[str, ...]


def compare(before: Build, after: Build, question: Question) -> Comparison:
    """The same runs give the same answer. Raises BadInput when they have nothing in common."""
    names = _common_scenarios(before, after, question)
    figures = [(name, metric) for name in names for metric in _metrics(before, after, name, question)]
    if question.metrics and not figures:
        raise BadInput(
            f"No scenario has a number called {', '.join(question.metrics)}.",
            next_step=f"one of {', '.join(_numbers(before, names)) or 'none: no scenario has a number'}",
        )
    confidence = 1.0 - (1.0 - FAMILY_CONFIDENCE) / max(1, len(figures))
    sides = _Sides(before, after, question, confidence, differing_conditions(before, after))
    return Comparison(
        before=before,
        after=after,
        question=question,
        paired=interleaved(before.repeats, after.repeats),
        confidence=confidence,
        changes=tuple(_change(sides, name, metric) for name, metric in figures),
        verdicts=tuple(found for name in names if (found := _verdict_change(before, after, name)) is not None),
        conditions=sides.conditions,
    )


def _common_scenarios(before: Build, after: Build, question: Question) -> list[str]:
    sides = [{r.name for repeat in build.repeats for r in repeat.record.scenarios} for build in (before, after)]
    common = sides[0] & sides[1]
    wanted = [name for name in question.scenarios if name not in common]
    if wanted or not common:
        what = f"{', '.join(wanted)} is not in both" if wanted else "They have no scenario in common"
        raise BadInput(f"{what}: {before.name}, {after.name}.", next_step="runs of the same scenarios")
    return sorted(question.scenarios or common)


def _metrics(before: Build, after: Build, scenario: str, question: Question) -> list[str]:
    """Of either side: a figure that vanished is not to be passed over."""
    named = {n for build in (before, after) for r in build.results(scenario) for n in r.numbers}
    if question.metrics:
        return [name for name in question.metrics if name in named]
    return sorted(name for name in named if merit(name) is not None)


def _numbers(build: Build, scenarios: Sequence[str]) -> list[str]:
    return sorted({n for name in scenarios for r in build.results(name) for n in r.numbers})


def _change(sides: _Sides, scenario: str, metric: str) -> Change:
    seen = _measured(sides, scenario, metric)
    old, new = tuple(one.value for one in seen.before), tuple(one.value for one in seen.after)
    better = merit(metric) or asked_merit(metric)
    found = Change(scenario, metric, better, old, new, Call.INCONCLUSIVE, "", repeats_needed=None, beside=seen.beside)
    if not old or not new:
        return replace(found, why=f"measured in {len(old)} runs before and in {len(new)} after")
    if old == new and len(set(old)) == 1 and len(old) >= FEWEST_REPEATS and not sides.conditions:
        return replace(found, call=Call.SAME, why="the same in every run", worse=Ratio(1, 1, 1), repeats_needed=0)
    if min(*old, *new) <= 0:
        return replace(found, why="not above 0 in every run: it has no ratio")
    repeats = min(len(old), len(new))
    rng = random.Random(f"{scenario}/{metric}")  # noqa: S311 - repeatable, not secret
    if repeats < FEWEST_REPEATS:
        few = FEWEST_REPEATS - repeats
        why = f"{few} more run{'s' if few > 1 else ''} of each needed to know the noise between runs"
        only = len(sides.before.repeats) == len(sides.after.repeats) == 1
        within = ratio_within(sides.before.repeats[0], sides.after.repeats[0], scenario, metric, rng) if only else None
        return replace(found, why=why, worse=within, repeats_needed=few)
    weighed = [[one.weighed(beside=seen.beside) for one in side] for side in (seen.before, seen.after)]
    ratio = (paired_ratio if seen.in_turns else free_ratio)(weighed[0], weighed[1], rng, sides.confidence)
    worse = ratio if better is Better.LOWER else Ratio(1 / ratio.value, 1 / ratio.upper, 1 / ratio.lower)
    if sides.conditions:
        return replace(found, why=f"under other conditions ({sides.conditions[0]})", worse=worse)
    return _called(replace(found, worse=worse, repeats_needed=0), worse, sides.question, repeats)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One run's; ``neighbour`` is that of who did not change, 0 for none."""

    value: float
    neighbour: float

    def weighed(self, *, beside: bool) -> float:
        return self.value / self.neighbour if beside else self.value


@dataclass(frozen=True, slots=True)
class _Measured:
    """``in_turns``: they are pairs. ``beside``: every one has a neighbour."""

    before: tuple[_Figure, ...]
    after: tuple[_Figure, ...]
    in_turns: bool

    @property
    def beside(self) -> bool:
        return all(one.neighbour > 0 for one in (*self.before, *self.after))


def _measured(sides: _Sides, scenario: str, metric: str) -> _Measured:
    """Of runs in turns a pair counts when both its halves do."""
    before = [_figure(repeat, scenario, metric) for repeat in sides.before.repeats]
    after = [_figure(repeat, scenario, metric) for repeat in sides.after.repeats]
    if interleaved(sides.before.repeats, sides.after.repeats):
        pairs = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
        return _Measured(tuple(a for a, _ in pairs), tuple(b for _, b in pairs), in_turns=True)
    return _Measured(
        tuple(v for v in before if v is not None), tuple(v for v in after if v is not None), in_turns=False
    )


def _figure(repeat: Repeat, scenario: str, metric: str) -> _Figure | None:
    """None for a run that measured the rig: not judged, or its generator starved. A platform that failed counts.

    A figure beside a neighbour counts in any run: what kept that from a verdict weighed on both.
    """
    result = repeat.result(scenario)
    if result is None or metric not in result.numbers:
        return None
    found = _Figure(result.numbers[metric], result.numbers.get(f"{NEIGHBOUR}{metric}", 0.0))
    starved = result.numbers.get(_LATENESS, 0.0) > _LATE_BOUND_MS
    return None if not found.neighbour and (starved or result.verdict is Status.UNKNOWN) else found


def _called(found: Change, worse: Ratio, question: Question, repeats: int) -> Change:
    if worse.lower > 1 and worse.value >= 1 + question.least_change:
        return replace(found, call=Call.REGRESSION, why="worse, beyond the noise between runs")
    if worse.upper < 1 and worse.value <= 1 / (1 + question.least_change):
        return replace(found, call=Call.IMPROVEMENT, why="better, beyond the noise between runs")
    percent = f"{100 * question.must_see:g} %"
    if worse.upper < 1 + question.must_see:
        return replace(found, call=Call.SAME, why=f"surely less than {percent} worse")
    more = _repeats_needed(worse, question, repeats)
    return replace(found, why=f"the noise could hide {percent}", repeats_needed=more)


def _repeats_needed(worse: Ratio, question: Question, repeats: int) -> int | None:
    """How many more a side would tell a change as large as the one seen, if noise shrinks with their root."""
    seen, half = math.log(worse.value), math.log(worse.upper / worse.value)
    room = math.log(1 + question.must_see) - seen
    if seen >= math.log(1 + question.least_change):
        room = max(room, seen)
    if half <= 0 or room <= 0:
        return None
    wanted = math.ceil(repeats * (half / room) ** 2)
    return max(1, wanted - repeats) if wanted <= _MOST_REPEATS else None


def _verdict_change(before: Build, after: Build, scenario: str) -> VerdictChange | None:
    """None while nothing failed on either side: whether it was shown is for the run itself to say."""
    old, new = before.results(scenario), after.results(scenario)
    failed = before.failures(scenario), after.failures(scenario)
    if not any(failed):
        return None
    said = f"failed in {failed[0]} of {len(old)} runs before, in {failed[1]} of {len(new)} after"
    if failed[0] == 0:
        return VerdictChange(scenario, *failed, Call.REGRESSION, said)
    if failed[1] == 0:
        return VerdictChange(scenario, *failed, Call.IMPROVEMENT, said)
    always = failed == (len(old), len(new))
    return VerdictChange(scenario, *failed, Call.SAME if always else Call.INCONCLUSIVE, said)
