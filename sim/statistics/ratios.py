"""How much one measurement is of another, with a bootstrap interval of it.

``paired_ratio`` is for repeats made in turns (A, B, A, B …): what drifts with the machine weighs on both halves of a
pair and cancels. ``free_ratio`` is for repeats that were not. ``block_ratio`` is for one run of each: samples near in
time resemble each other, so whole blocks of neighbours are drawn, never single samples; it sees the noise within a
run and none between runs.

Sources: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", chapters 8 and 13; H. R. Künsch, "The
Jackknife and the Bootstrap for General Stationary Observations", Annals of Statistics 17 (1989). Percentile intervals
of a handful of samples are too narrow; T. Hesterberg, "What Teachers Should Know About the Bootstrap" (2015), section
5, widens them by Student's t.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import NormalDist, fmean, variance

from sim.statistics.percentiles import percentile
from sim.statistics.student import quantile

RESAMPLES = 20_000
BLOCK_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """After as a multiple of before: 1.2 is a fifth more. The interval is two-sided."""

    value: float
    lower: float
    upper: float


def paired_ratio(
    before: Sequence[float], after: Sequence[float], rng: random.Random, confidence: float = 0.95
) -> Ratio:
    """Geometric mean of after/before by pair. Raises ValueError unless there are two pairs of positive numbers."""
    if len(before) != len(after):
        raise ValueError(f"{len(before)} before and {len(after)} after are no pairs")
    changes = [math.log(b) - math.log(a) for a, b in zip(_positive(before), _positive(after), strict=True)]
    return _interval(fmean(changes), _means(changes, rng), _tail(confidence, len(changes) - 1))


def free_ratio(before: Sequence[float], after: Sequence[float], rng: random.Random, confidence: float = 0.95) -> Ratio:
    """Ratio of the geometric means. Raises ValueError unless there are two positive numbers of each."""
    old, new = [math.log(v) for v in _positive(before)], [math.log(v) for v in _positive(after)]
    differences = [b - a for a, b in zip(_means(old, rng), _means(new, rng), strict=True)]
    return _interval(fmean(new) - fmean(old), differences, _tail(confidence, _welch_degrees(old, new)))


def block_ratio(
    before: Sequence[Sequence[float]],
    after: Sequence[Sequence[float]],
    statistic: Callable[[Sequence[float]], float],
    rng: random.Random,
    confidence: float = 0.95,
) -> Ratio:
    """Ratio of a positive statistic of the samples, which come in blocks of neighbours, in ascending order to it.

    Raises ValueError unless there are two blocks of each and the statistic is positive throughout.
    """
    degrees = min(len(before), len(after)) - 1
    if degrees < 1:
        raise ValueError("fewer than two blocks")
    value = math.log(_of(after, statistic) / _of(before, statistic))
    draws = [
        math.log(_of(rng.choices(after, k=len(after)), statistic) / _of(rng.choices(before, k=len(before)), statistic))
        for _ in range(BLOCK_RESAMPLES)
    ]
    return _interval(value, draws, _tail(confidence, degrees))


def _of(blocks: Sequence[Sequence[float]], statistic: Callable[[Sequence[float]], float]) -> float:
    value = statistic(sorted(chain.from_iterable(blocks)))
    if value <= 0:
        raise ValueError(f"a ratio needs positive numbers, not {value}")
    return value


def _means(values: Sequence[float], rng: random.Random) -> list[float]:
    """Means of resamples, spread by √(n / (n - 1)): the resampled variance is that much too small."""
    middle, widening = fmean(values), math.sqrt(len(values) / (len(values) - 1))
    count = len(values)
    return [middle + widening * (sum(rng.choices(values, k=count)) / count - middle) for _ in range(RESAMPLES)]


def _tail(confidence: float, degrees: int) -> float:
    """The share to leave out on each side, smaller for few samples: where a normal tail equals Student's."""
    return NormalDist().cdf(-quantile(confidence, degrees))


def _interval(value: float, draws: list[float], tail: float) -> Ratio:
    ordered = sorted(draws)
    low, high = percentile(ordered, tail), percentile(ordered, 1.0 - tail)
    return Ratio(math.exp(value), math.exp(min(value, low)), math.exp(max(value, high)))


def _welch_degrees(old: Sequence[float], new: Sequence[float]) -> int:
    """Welch and Satterthwaite's, rounded down."""
    errors = [(variance(sample) / len(sample), len(sample) - 1) for sample in (old, new)]
    total = sum(error for error, _ in errors)
    if total == 0:
        return min(degrees for _, degrees in errors)
    return max(1, math.floor(total**2 / sum(error**2 / degrees for error, degrees in errors)))


def _positive(values: Sequence[float]) -> Sequence[float]:
    if len(values) < 2:
        raise ValueError("fewer than two repeats show no noise")
    wrong = next((v for v in values if not (math.isfinite(v) and v > 0)), None)
    if wrong is not None:
        raise ValueError(f"a ratio needs positive numbers, not {wrong}")
    return values
