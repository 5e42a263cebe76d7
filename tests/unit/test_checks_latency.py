"""Percentiles and their bounds against exact models, and the throughput verdict against spoiled histories."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.checks.percentiles import bounded_percentile, bounding_ranks, fewest_samples
from sim.checks.throughput import judge_throughput
from sim.history import Observation, Outcome
from sim.verdict import Status
from tests.unit.drill_histories import evidence, steady, without

_SHARES = st.sampled_from([Fraction(1, 2), Fraction(9, 10), Fraction(19, 20), Fraction(99, 100)])


def _at_most(count: int, share: Fraction) -> list[Fraction]:
    """P(B ≤ i) for each i, exactly."""
    return list(accumulate(comb(count, i) * share**i * (1 - share) ** (count - i) for i in range(count + 1)))


@settings(deadline=None)
@given(st.integers(0, 120), _SHARES)
def test_the_bounding_ranks_are_those_of_exact_arithmetic(count: int, share: Fraction) -> None:
    """Each rank is the tightest whose binomial probability reaches the confidence, computed in fractions."""
    confidence = Fraction(95, 100)
    at_most = _at_most(count, share)
    lower = [r for r in range(1, count + 1) if 1 - at_most[r - 1] >= confidence]
    upper = [r for r in range(1, count + 1) if at_most[r - 1] >= confidence]
    assert bounding_ranks(count, float(share)) == (max(lower, default=0), min(upper, default=0))


@settings(deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=400), _SHARES)
def test_a_percentile_lies_between_its_bounds_and_was_really_seen(values: list[float], share: Fraction) -> None:
    """Nearest rank gives a sample, never outside what bounds it."""
    found = bounded_percentile(sorted(values), float(share))
    assert found.value in values
    assert found.lower is None or found.lower <= found.value
    assert found.upper is None or found.upper >= found.value


def test_the_bounds_hold_as_often_as_they_claim() -> None:
    """Over many samples of a known distribution each bound is right at least 95 times in 100, and not by much more."""
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    rounds, right_lower, right_upper = 600, 0, 0
    for _ in range(rounds):
        found = bounded_percentile(sorted(rng.random() for _ in range(400)), 0.95)
        right_lower += found.lower is not None and found.lower <= 0.95
        right_upper += found.upper is not None and found.upper >= 0.95
    assert 0.93 <= right_lower / rounds <= 0.99
    assert 0.93 <= right_upper / rounds <= 0.99


def test_the_fewest_samples_are_the_textbooks() -> None:
    """59 for p95 and 299 for p99, and one less gives no upper bound."""
    assert (fewest_samples(0.95), fewest_samples(0.99)) == (59, 299)
    assert bounding_ranks(299, 0.99)[1] == 299
    assert bounding_ranks(298, 0.99)[1] == 0


def test_a_percentile_of_nothing_is_refused() -> None:
    """There is no such value."""
    with pytest.raises(ValueError, match="nothing"):
        bounded_percentile([], 0.5)


def test_a_steady_stream_passes_with_its_numbers() -> None:
    """All confirmed in 5 ms: rate achieved, percentiles bounded, the control's stall seen."""
    verdict = judge_throughput(evidence(steady()))
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.numbers["achieved_per_s"] == verdict.numbers["offered_per_s"] == 100
    assert verdict.numbers["p99_ms"] == pytest.approx(5)
    assert verdict.numbers["control_max_ms"] == pytest.approx(995)


def test_a_starved_generator_is_not_held_against_the_platform() -> None:
    """A message sent two seconds late took two seconds, and how late it was sent shows whose fault that is."""
    late = [replace(o, detail={**o.detail, "latency_s": 0.001}) for o in steady(2.0)]
    verdict = judge_throughput(evidence(late))
    assert verdict.numbers["p99_ms"] == pytest.approx(2000)
    assert verdict.status is Status.UNKNOWN
    assert "generator was starved" in verdict.reason
    assert judge_throughput(evidence(steady(2.0))).status is Status.FAIL


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (steady(slow=dict.fromkeys(range(30), 1.5)), "99th percentile is above"),
        (
            [replace(o, outcome=Outcome.UNSURE) if o.detail.get("id") == "measured-3" else o for o in steady()],
            "not confirmed",
        ),
        (
            [replace(o, outcome=Outcome.FAILED) if o.detail.get("id") == "measured-3" else o for o in steady()],
            "not confirmed",
        ),
        ([*without(steady(), "stored"), replace(steady()[-1], detail={"messages": 900})], "900 lay in the queue"),
    ],
)
def test_slow_or_failing_publishes_fail(history: list[Observation], said: str) -> None:
    """A tail surely above a second fails, and so does a single message without its confirm."""
    verdict = judge_throughput(evidence(history))
    assert verdict.status is Status.FAIL, verdict.reason
    assert said in verdict.reason


def _control_max(seconds: float) -> list[Observation]:
    return [
        replace(o, t_s=float(o.detail["intended_s"]) + seconds) if o.op == "control-publish" else o for o in steady()
    ]


def _fault(phase: str, outcome: Outcome) -> list[Observation]:
    return [replace(o, outcome=outcome) if o.op == "fault" and o.detail["phase"] == phase else o for o in steady()]


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "nothing was measured"),
        (steady(count=0), "nothing was measured"),
        (without(steady(), "segment", name="measured"), "nothing was measured"),
        (without(steady(), "segment", name="warm-up"), "no warm-up"),
        (without(steady(), "stored"), "not counted"),
        (steady(cpu_share=0.95), "generator saturated: it used 95 %"),
        (steady(3.0, cpu_share=0.95), "generator saturated"),
        (steady(due=1010, unsent=10), "generator saturated: 10 of 1010"),
        (steady(due=1010), "1000 confirmed of 1010 due"),
        (steady(count=200), "inconclusive: 200 samples"),
        (steady(slow=dict.fromkeys(range(10), 1.5)), "inconclusive"),
        (_control_max(0.3), "blind to stalls"),
        (without(steady(), "control-publish"), "blind to stalls"),
        (without(steady(), "fault"), "control was not carried through"),
        (_fault("inject", Outcome.FAILED), "not seen to work"),
        (_fault("heal", Outcome.FAILED), "not seen to work"),
    ],
)
def test_what_cannot_be_told_is_unknown(history: list[Observation], said: str) -> None:
    """A busy generator, too few samples, a missing or unseen control: no verdict on the platform."""
    verdict = judge_throughput(evidence(history))
    assert verdict.status is Status.UNKNOWN, verdict.reason
    assert any(said in line for line in verdict.evidence)
