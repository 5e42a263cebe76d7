"""Percentiles and their bounds against exact models, and against distributions whose percentiles are known."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import accumulate
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.statistics.binomial import at_most
from sim.statistics.percentiles import bounded_percentile, bounding_ranks, fewest_samples, percentile

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
    """59 for p95, 299 for p99 and 2,995 for p99.9, and one less gives no upper bound."""
    assert (fewest_samples(0.95), fewest_samples(0.99), fewest_samples(0.999)) == (59, 299, 2995)
    assert bounding_ranks(299, 0.99)[1] == 299
    assert bounding_ranks(298, 0.99)[1] == 0


def test_a_percentile_of_nothing_is_refused() -> None:
    """There is no such value."""
    with pytest.raises(ValueError, match="nothing"):
        bounded_percentile([], 0.5)


@settings(deadline=None)
@given(st.integers(1, 120), st.integers(0, 120), _SHARES)
def test_sums_of_the_binomial_are_those_of_exact_arithmetic(count: int, successes: int, share: Fraction) -> None:
    """To twelve digits, at and beyond both ends."""
    exact = float(_at_most(count, share)[min(count, successes)])
    assert at_most(count, successes, float(share)) == pytest.approx(exact, rel=1e-12, abs=1e-15)


def test_a_million_samples_take_no_walk_over_all_ranks() -> None:
    """Only ranks that carry probability are summed; the normal approximation agrees to a rank or two."""
    low, high = bounding_ranks(1_000_000, 0.99)
    half_width = 1.6449 * (1_000_000 * 0.99 * 0.01) ** 0.5
    assert abs(low - (990_000 - half_width)) < 3
    assert abs(high - (990_000 + half_width)) < 3


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.0, 1.0))
def test_a_percentile_was_really_seen(values: list[float], share: float) -> None:
    """Nearest rank: one of the values, and at least the share of them is no greater."""
    ordered = sorted(values)
    value = percentile(ordered, share)
    assert value in ordered
    assert sum(v <= value for v in ordered) >= share * len(ordered) - 1e-6
