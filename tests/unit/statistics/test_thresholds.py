"""Three answers about a threshold, right as often as they claim, and how many samples a clear one needs."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.statistics.shares import bounded_share
from sim.statistics.thresholds import Weighed, weigh_percentile, weigh_share
from sim.verdict import Status


def test_samples_well_within_the_threshold_pass() -> None:
    """1,000 samples up to 0.1 against 1.0."""
    weighed = weigh_percentile([i / 10_000 for i in range(1000)], 0.99, 1.0)
    assert (weighed.status, weighed.samples_needed) == (Status.PASS, 0)


def test_samples_surely_beyond_the_threshold_fail() -> None:
    """Every tenth is slow: the 99th percentile is."""
    weighed = weigh_percentile(sorted([0.1] * 900 + [2.0] * 100), 0.99, 1.0)
    assert weighed.status is Status.FAIL
    assert weighed.bounded is not None
    assert weighed.bounded.lower == 2.0


def test_too_few_samples_are_inconclusive_and_say_how_many_more() -> None:
    """200 good samples of a 99th percentile: 99 more make the 299."""
    weighed = weigh_percentile([0.1] * 200, 0.99, 1.0)
    assert (weighed.status, weighed.samples_needed) == (Status.UNKNOWN, 99)


def test_no_sample_is_unknown_and_says_the_fewest() -> None:
    """Nothing seen, nothing said."""
    assert weigh_percentile([], 0.999, 1.0) == Weighed(Status.UNKNOWN, None, 0, 2995)
    assert weigh_share(0, 0, 0.001) == Weighed(Status.UNKNOWN, None, 0, 2995)


def test_what_lies_on_the_threshold_can_never_be_told() -> None:
    """Exactly 1 % slow, and the question is whether 1 % are: no number of samples decides."""
    weighed = weigh_percentile(sorted([0.1] * 990 + [2.0] * 10), 0.99, 1.0)
    assert (weighed.status, weighed.samples_needed) == (Status.UNKNOWN, None)


@settings(deadline=None, max_examples=60)
@given(st.integers(60, 600), st.integers(0, 30))
def test_the_samples_said_to_be_needed_do_decide(count: int, slow: int) -> None:
    """With as many samples of the same mixture the answer is clear, one way or the other."""
    weighed = weigh_percentile([0.1] * (count - slow) + [2.0] * slow, 0.95, 1.0)
    if weighed.status is Status.UNKNOWN and weighed.samples_needed is not None:
        total = count + weighed.samples_needed
        fast = (count - slow) * total // count
        again = weigh_percentile([0.1] * fast + [2.0] * (total - fast), 0.95, 1.0)
        assert again.status is not Status.UNKNOWN


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 80), st.data())
def test_bounds_of_a_share_are_those_of_exact_arithmetic(count: int, data: st.DataObject) -> None:
    """At each bound what was seen is exactly as rare as the confidence allows."""
    events = data.draw(st.integers(0, count))
    bounded = bounded_share(events, count)
    assert bounded.lower is not None
    assert bounded.upper is not None
    assert bounded.lower <= bounded.value <= bounded.upper
    if events:
        tail = _exact(count, range(events, count + 1), bounded.lower)
        assert tail == pytest.approx(0.05, rel=1e-6)
    if events < count:
        tail = _exact(count, range(events + 1), bounded.upper)
        assert tail == pytest.approx(0.05, rel=1e-6)


def _exact(count: int, successes: range, share: float) -> float:
    exact = Fraction(share)
    return float(sum(comb(count, i) * exact**i * (1 - exact) ** (count - i) for i in successes))


def test_a_share_of_errors_is_weighed_like_a_percentile() -> None:
    """No error of 2,995 shows fewer than one in a thousand; of 1,000 it does not yet; ten of 1,000 are too many."""
    assert weigh_share(0, 2995, 0.001).status is Status.PASS
    few = weigh_share(0, 1000, 0.001)
    assert (few.status, few.samples_needed) == (Status.UNKNOWN, 1995)
    assert weigh_share(10, 1000, 0.001).status is Status.FAIL


def test_impossible_counts_are_refused() -> None:
    """More errors than requests, or a share of nothing."""
    for events, count in ((2, 1), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="events"):
            bounded_share(events, count)


def test_a_wrong_verdict_is_as_rare_as_the_confidence_says() -> None:
    """On a distribution whose 95th percentile sits just beyond, or just within, at most 5 of 100 runs say otherwise."""
    rng = random.Random(11)  # noqa: S311 - repeatable, not secret
    rounds = 400
    runs = [sorted(rng.expovariate(1.0) for _ in range(300)) for _ in range(rounds)]
    true_p95 = 2.995732
    wrongly_passed = sum(weigh_percentile(run, 0.95, true_p95 * 0.999).status is Status.PASS for run in runs)
    wrongly_failed = sum(weigh_percentile(run, 0.95, true_p95 * 1.001).status is Status.FAIL for run in runs)
    assert wrongly_passed / rounds <= 0.07
    assert wrongly_failed / rounds <= 0.07
