"""A fifth slower is called, the same build again is not, and what cannot be told says so."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.comparison.judgement import compare
from sim.comparison.metrics import Better, merit
from sim.comparison.model import Call, Change, Comparison, Question
from sim.comparison.runs import Build, differing_conditions, interleaved
from sim.errors import BadInput
from sim.history import History, Observation, Outcome
from sim.record import HISTORY_FILE
from sim.report.comparison import heads
from sim.statistics import ratios
from sim.verdict import Status
from tests.unit.comparison.builds import BROKER, build, in_turns, repeat

_MERITS = {"p50_ms", "p99_ms", "achieved_per_s"}


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many comparisons need no fine intervals."""
    monkeypatch.setattr(ratios, "RESAMPLES", 3000)
    monkeypatch.setattr(ratios, "BLOCK_RESAMPLES", 100)


def _of(comparison: Comparison, metric: str) -> Change:
    return next(c for c in comparison.changes if c.metric == metric)


def _asked(before: Build, after: Build, *metrics: str) -> Comparison:
    return compare(before, after, Question(metrics=metrics))


def test_a_fifth_slower_is_called_in_ten_repeats() -> None:
    """Over many seeds: always some figure, and nearly always each of them, in both directions of better."""
    called = [compare(*in_turns(10, seed, slower=1.2), Question()) for seed in range(40)]
    assert all(c.status is Status.FAIL for c in called)
    for metric in _MERITS:
        assert sum(_of(c, metric).call is Call.REGRESSION for c in called) >= 38


def test_the_same_build_again_is_not_called() -> None:
    """Over many seeds, on a machine that drifts by a third: hardly ever any figure, and mostly a clear no."""
    found = [compare(*in_turns(10, seed), Question()) for seed in range(100, 160)]
    assert sum(c.status is Status.FAIL for c in found) <= 3
    assert sum(c.status is Status.PASS for c in found) >= 50


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 0.3), st.floats(0.7, 1.5))
def test_an_answer_is_never_against_its_interval(seed: int, sigma: float, slower: float) -> None:
    """Worse only above 1, better only below, the same only short of what must be seen; else how many more runs."""
    for change in compare(*in_turns(8, seed, sigma=sigma, slower=slower), Question()).changes:
        worse = change.worse
        assert worse is not None
        assert worse.lower <= worse.value <= worse.upper
        expected = {
            Call.REGRESSION: worse.lower > 1,
            Call.IMPROVEMENT: worse.upper < 1,
            Call.SAME: worse.upper < 1.2,
            Call.INCONCLUSIVE: worse.upper >= 1.2,
        }
        assert expected[change.call]
        assert (change.repeats_needed == 0) == (change.call is not Call.INCONCLUSIVE)


def test_the_same_runs_give_the_same_answer() -> None:
    """To the last digit: a gate that wavers is none."""
    sides = in_turns(10, 7, slower=1.1)
    assert compare(*sides, Question()) == compare(*sides, Question())


def test_the_repeats_said_to_be_needed_do_tell() -> None:
    """With twice as many more as said, most of what could not be told is."""
    told = asked = 0
    for seed in range(12):
        noisy = _of(_asked(*in_turns(8, seed, sigma=0.2), "p99_ms"), "p99_ms")
        if noisy.call is Call.INCONCLUSIVE and noisy.repeats_needed is not None and noisy.repeats_needed < 100:
            asked += 1
            enough = in_turns(8 + 2 * noisy.repeats_needed, seed, sigma=0.2)
            told += _of(_asked(*enough, "p99_ms"), "p99_ms").call is not Call.INCONCLUSIVE
    assert asked >= 4
    assert told >= 0.7 * asked


def test_drift_does_not_hide_a_change_between_runs_made_in_turns() -> None:
    """Pair by pair it is seen; were the builds run one after the other, drift would be in the difference."""
    before, after = in_turns(10, 5, slower=1.2, drift=0.8)
    assert compare(before, after, Question()).paired
    apart = replace(
        after, repeats=tuple(repeat(100 + i, r.record.scenarios[0].numbers) for i, r in enumerate(after.repeats))
    )
    unpaired = compare(before, apart, Question())
    assert not unpaired.paired
    assert _of(compare(before, after, Question()), "p50_ms").call is Call.REGRESSION
    assert _of(unpaired, "p50_ms").call is Call.INCONCLUSIVE


def test_figures_that_say_nothing_of_the_platform_are_left_out() -> None:
    """Counts, bounds and what the rig did on purpose are no figures of merit."""
    compared = {c.metric for c in compare(*in_turns(6, 1), Question()).changes}
    assert compared == _MERITS
    assert merit("knee_per_s") is Better.HIGHER
    assert merit("leader_rto_s") is Better.LOWER
    for name in ("samples", "offered_per_s", "p99_upper_ms", "generator_late_p99_ms", "control_max_ms", "errors"):
        assert merit(name) is None


def test_any_number_can_be_asked_for() -> None:
    """Also one of no merit; one that is not there is refused with those that are."""
    before, after = in_turns(6, 1)
    assert [c.metric for c in _asked(before, after, "control_stall_ms").changes] == ["control_stall_ms"]
    with pytest.raises(BadInput, match="p51_ms"):
        _asked(before, after, "p51_ms")


def _beside(seed: int, slower: float) -> Comparison:
    """Ten runs of either build on a machine that is up to twenty times slower from one turn to the next."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def numbers(factor: float) -> dict[str, float]:
        mood = rng.uniform(1, 20)
        noise = math.exp(rng.gauss(0, 0.06))
        return {"p50_ms": 3 * mood * factor * noise, "neighbour_p50_ms": 2 * mood}

    pairs = [(numbers(1.0), numbers(slower)) for _ in range(10)]
    return compare(build("a", [a for a, _ in pairs]), build("b", [b for _, b in pairs], offset_s=30), Question())


def test_what_the_machine_does_to_a_neighbour_too_is_no_matter_of_the_build() -> None:
    """A fifth is called through noise of twenty times, the same build is not; shown is what was measured."""
    found = [_beside(seed, 1.2) for seed in range(20)]
    assert all(c.status is Status.FAIL for c in found)
    assert sum(_beside(seed, 1.0).status is Status.FAIL for seed in range(20)) <= 1
    change = _of(found[0], "p50_ms")
    assert change.beside
    assert min(change.before) > 3 * 0.5
    assert [c.metric for c in found[0].changes] == ["p50_ms"]
    said = dict(heads(found[0]))["beside"]
    assert len(f"beside  {said}") <= 80


def test_a_run_without_a_verdict_counts_beside_a_neighbour() -> None:
    """The machine was too slow for the promise to be judged, and as slow for both: the figures are good."""
    numbers = [{"p50_ms": 3.0 + i / 50, "neighbour_p50_ms": 1.0} for i in range(6)]
    before = build("a", numbers)
    slow = repeat(5, {"p50_ms": 300.0, "neighbour_p50_ms": 97.0}, verdict=Status.UNKNOWN, offset_s=30)
    after = build("b", numbers[:5], offset_s=30)
    change = _of(compare(before, replace(after, repeats=(*after.repeats, slow)), Question()), "p50_ms")
    assert len(change.after) == 6
    assert change.call is Call.SAME


def test_without_a_neighbour_in_every_run_there_is_none() -> None:
    """One run that has none is compared as measured, and so are all others."""
    before = build("a", [{"p50_ms": 3.0 + i / 50, "neighbour_p50_ms": 1.0} for i in range(6)])
    after = build("b", [{"p50_ms": 3.0 + i / 50} for i in range(6)], offset_s=30)
    change = _of(compare(before, after, Question()), "p50_ms")
    assert not change.beside
    assert change.call is Call.SAME


def test_few_repeats_tell_nothing() -> None:
    """Three of each, however different: three more are asked for."""
    change = _of(compare(*in_turns(3, 1, slower=3.0), Question()), "p50_ms")
    assert (change.call, change.repeats_needed) == (Call.INCONCLUSIVE, 3)


def test_a_figure_of_one_side_alone_is_not_passed_over() -> None:
    """It vanished: whoever took the comparison for a gate must hear of it."""
    before, _ = in_turns(6, 1)
    after = build("after", [{"p50_ms": 3.0}] * 6, offset_s=30)
    found = compare(before, after, Question())
    assert _of(found, "p99_ms").call is Call.INCONCLUSIVE
    assert found.status is not Status.PASS


def test_runs_the_rig_could_not_judge_are_not_measured() -> None:
    """A starved generator measured itself."""
    good = [repeat(i, {"p50_ms": 3.0 + i / 100}) for i in range(6)]
    starved = repeat(6, {"p50_ms": 900.0}, verdict=Status.UNKNOWN)
    found = compare(Build("a", (*good, starved)), Build("b", tuple(good)), Question())
    assert len(_of(found, "p50_ms").before) == 6


def test_a_pair_counts_when_neither_generator_was_starved() -> None:
    """One that sent 0.2 s late met a machine that had no time for it; its partner is left out with it."""
    before, after = in_turns(8, 1)
    late = replace(before.repeats[2].record.scenarios[0], numbers={"p50_ms": 90.0, "generator_late_p99_ms": 200.0})
    third = replace(before.repeats[2], record=replace(before.repeats[2].record, scenarios=(late,)))
    spoilt = replace(before, repeats=(*before.repeats[:2], third, *before.repeats[3:]))
    change = _of(compare(spoilt, after, Question()), "p50_ms")
    assert (len(change.before), len(change.after)) == (7, 7)
    assert change.call is not Call.IMPROVEMENT


@pytest.mark.parametrize(
    ("failed", "call", "status"),
    [((0, 1), Call.REGRESSION, Status.FAIL), ((1, 0), Call.IMPROVEMENT, Status.PASS), ((6, 6), Call.SAME, Status.PASS)],
)
def test_a_verdict_that_turned_is_told(failed: tuple[int, int], call: Call, status: Status) -> None:
    """A failure that was none before is a regression, whatever the figures say."""
    sides = [
        Build(
            name,
            tuple(
                repeat(i, {"p50_ms": 3.0}, verdict=Status.FAIL if i < count else Status.PASS, offset_s=offset)
                for i in range(6)
            ),
        )
        for name, count, offset in (("a", failed[0], 0), ("b", failed[1], 30))
    ]
    found = compare(sides[0], sides[1], Question())
    assert [v.call for v in found.verdicts] == [call]
    assert found.status is status


def test_another_machine_is_another_measurement() -> None:
    """More cores, or a rehearsal in memory: no figure is called."""
    before, after = in_turns(8, 1, slower=2.0)
    bigger = replace(
        after,
        repeats=tuple(replace(r, record=replace(r.record, host=replace(r.record.host, cpus=8))) for r in after.repeats),
    )
    assert differing_conditions(before, bigger) == ("cores: 2 against 8",)
    found = compare(before, bigger, Question())
    assert {c.call for c in found.changes} == {Call.INCONCLUSIVE}


def test_zero_has_no_ratio() -> None:
    """0 ms before: nothing can be so many times worse."""
    before, after = build("a", [{"p50_ms": 0.0}] * 6), build("b", [{"p50_ms": 1.0}] * 6, offset_s=30)
    assert _of(compare(before, after, Question()), "p50_ms").call is Call.INCONCLUSIVE


def test_nothing_in_common_is_refused() -> None:
    """Other scenarios, or one that was asked for and is in neither."""
    before, after = in_turns(6, 1)
    other = replace(
        after,
        repeats=tuple(
            replace(r, record=replace(r.record, scenarios=(replace(r.record.scenarios[0], name="a/b"),)))
            for r in after.repeats
        ),
    )
    with pytest.raises(BadInput, match="in common"):
        compare(before, other, Question())
    with pytest.raises(BadInput, match="a/b is not in both"):
        compare(before, after, Question(scenarios=("a/b",)))


def test_one_run_of_each_shows_the_noise_within_it(tmp_path: Path) -> None:
    """From their histories, second by second; it is shown and never decides."""
    sides = []
    for name, factor in (("a", 1.0), ("b", 1.5)):
        directory = tmp_path / name
        directory.mkdir()
        history = History(directory / HISTORY_FILE)
        for i in range(400):
            due_s, latency_s = i / 20, factor * (0.003 + 0.001 * (i % 7))
            detail = {"intended_s": due_s, "latency_s": latency_s}
            history.append(Observation(due_s + latency_s, BROKER, "locust", "publish", "q", Outcome.OK, detail))
        history.close()
        one = repeat(0, {"p50_ms": 6.0 * factor})
        sides.append(Build(name, (replace(one, directory=directory),)))
    change = _of(compare(sides[0], sides[1], Question()), "p50_ms")
    assert change.call is Call.INCONCLUSIVE
    assert change.worse is not None
    assert change.worse.value == pytest.approx(1.5, rel=0.01)


def test_runs_are_in_turns_only_when_none_overtakes() -> None:
    """One after the other is not in turns, nor are unequal numbers."""
    before, after = in_turns(6, 1)
    assert interleaved(before.repeats, after.repeats)
    assert interleaved(after.repeats, before.repeats)
    assert not interleaved(before.repeats[:5], after.repeats)
    assert not interleaved(before.repeats[:3], before.repeats[3:])
