"""Ratio intervals hold the true ratio as often as they claim, on noise that is known."""

from __future__ import annotations

import math
import random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.statistics import ratios
from sim.statistics.percentiles import percentile
from sim.statistics.student import quantile, two_sided

_TRUE = 1.2


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage over hundreds of runs needs no fine intervals."""
    monkeypatch.setattr(ratios, "RESAMPLES", 2000)
    monkeypatch.setattr(ratios, "BLOCK_RESAMPLES", 120)


def _rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable, not secret


def _noisy(rng: random.Random, value: float, sigma: float) -> float:
    return value * math.exp(rng.gauss(0, sigma))


@pytest.mark.parametrize("repeats", [5, 10])
def test_paired_intervals_cover_as_often_as_they_claim(repeats: int) -> None:
    """Ten per cent of noise upon a drift that both halves of a pair share: 95 of 100, give or take sampling."""
    rng, rounds, held, beyond = _rng(repeats), 200, 0, 0
    for _ in range(rounds):
        drift = [rng.uniform(0.5, 2.0) for _ in range(repeats)]
        before = [_noisy(rng, 100 * d, 0.1) for d in drift]
        after = [_noisy(rng, 100 * d * _TRUE, 0.1) for d in drift]
        found = ratios.paired_ratio(before, after, rng)
        held += found.lower <= _TRUE <= found.upper
        beyond += found.lower > 1
    assert held / rounds >= 0.91
    assert beyond / rounds >= (0.85 if repeats == 10 else 0.5)


def test_free_intervals_cover_as_often_as_they_claim() -> None:
    """Repeats without pairs, of unequal number."""
    rng, rounds, held = _rng(1), 200, 0
    for _ in range(rounds):
        before = [_noisy(rng, 100, 0.05) for _ in range(8)]
        after = [_noisy(rng, 100 * _TRUE, 0.15) for _ in range(12)]
        found = ratios.free_ratio(before, after, rng)
        held += found.lower <= _TRUE <= found.upper
    assert held / rounds >= 0.91


def test_block_intervals_see_that_neighbours_are_alike() -> None:
    """Latencies share their second's mood: drawn by the second the interval holds, drawn one by one it would not."""
    rng, rounds = _rng(5), 40
    held_by_block = held_by_sample = 0
    for _ in range(rounds):
        before, after = _moody(rng, 1.0), _moody(rng, _TRUE)
        found = ratios.block_ratio(before, after, _median, rng)
        held_by_block += found.lower <= _TRUE <= found.upper
        singles = ratios.block_ratio(_singles(before), _singles(after), _median, rng)
        held_by_sample += singles.lower <= _TRUE <= singles.upper
    assert held_by_block / rounds >= 0.9
    assert held_by_sample / rounds < 0.7


def _moody(rng: random.Random, scale: float) -> list[list[float]]:
    moods = [_noisy(rng, scale, 0.2) for _ in range(15)]
    return [[_noisy(rng, mood, 0.1) for _ in range(20)] for mood in moods]


def _singles(blocks: list[list[float]]) -> list[list[float]]:
    return [[sample] for block in blocks for sample in block]


def _median(ordered: object) -> float:
    return percentile(ordered, 0.5)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_interval() -> None:
    """A verdict can be taken again from the files."""
    before, after = [10.0, 11.0, 12.0], [12.0, 13.0, 14.0]
    assert ratios.paired_ratio(before, after, _rng(1)) == ratios.paired_ratio(before, after, _rng(1))


def test_equal_measurements_have_no_change_and_no_width() -> None:
    """1, from 1 to 1."""
    found = ratios.paired_ratio([5.0] * 4, [5.0] * 4, _rng(1))
    assert (found.value, found.lower, found.upper) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [([1.0], [1.0], "fewer"), ([1.0, 2.0], [1.0], "no pairs"), ([0.0, 1.0], [1.0, 1.0], "positive")],
)
def test_what_has_no_ratio_is_refused(before: list[float], after: list[float], said: str) -> None:
    """One repeat, unequal numbers, nothing measured."""
    with pytest.raises(ValueError, match=said):
        ratios.paired_ratio(before, after, _rng(1))


def test_a_block_of_its_own_shows_no_noise() -> None:
    """One block on either side is refused."""
    with pytest.raises(ValueError, match="blocks"):
        ratios.block_ratio([[1.0, 2.0]], [[1.0], [2.0]], _median, _rng(1))


@pytest.mark.parametrize(
    ("degrees", "confidence", "expected"),
    [(1, 0.95, 12.7062), (2, 0.95, 4.3027), (4, 0.99, 4.6041), (9, 0.95, 2.2622), (9, 0.99, 3.2498), (30, 0.9, 1.6973)],
)
def test_students_t_is_the_tables(degrees: int, confidence: float, expected: float) -> None:
    """To the four digits that tables print."""
    assert quantile(confidence, degrees) == pytest.approx(expected, abs=1e-4)


@given(st.floats(0, 30), st.integers(1, 60))
def test_students_t_is_a_probability_and_has_fatter_tails_than_a_normal(t: float, degrees: int) -> None:
    """Between 0 and the normal's."""
    normal = 2 * NormalDist().cdf(t) - 1
    assert -1e-12 <= two_sided(t, degrees) <= normal + 1e-12
