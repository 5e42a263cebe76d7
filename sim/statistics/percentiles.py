"""Percentiles with what a sample can say of them: distribution-free confidence bounds by order statistics.

Of ``n`` independent samples, the number below the true ``share``-quantile is binomial(n, share); so the sample of rank
``u`` is at or above it with probability P(B ≤ u - 1), that of rank ``l`` at or below it with P(B ≥ l).
Source: W. J. Conover, "Practical Nonparametric Statistics", confidence intervals for a quantile; NIST/SEMATECH
e-Handbook, 7.2.6.2.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim.statistics.binomial import carrying_range, probability

CONFIDENCE = 0.95
"""Of each bound on its own. For p99 an upper bound exists from 299 samples on: 1 - 0.99^299 ≥ 0.95."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A value seen, and one-sided bounds of the true one; None when the samples are too few for one."""

    value: float
    lower: float | None
    upper: float | None


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank, from samples in ascending order: a value that was really seen. Raises ValueError for none."""
    if not ordered:
        raise ValueError("a percentile of nothing")
    return ordered[min(len(ordered), max(1, math.ceil(share * len(ordered)))) - 1]


def bounded_percentile(ordered: Sequence[float], share: float, confidence: float = CONFIDENCE) -> Bounded:
    """By nearest rank, from samples in ascending order. Raises ValueError when there is none."""
    value = percentile(ordered, share)
    low, high = bounding_ranks(len(ordered), share, confidence)
    return Bounded(
        value=value,
        lower=ordered[low - 1] if low else None,
        upper=ordered[high - 1] if high else None,
    )


@functools.lru_cache(maxsize=4096)  # asked again and again: by each run of a size, and in search of a size
def bounding_ranks(count: int, share: float, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Ranks, counted from 1, of the samples that bound the quantile from below and from above; 0 for none.

    The lower is the largest l with P(B ≥ l) ≥ confidence, the upper the smallest u with P(B ≤ u - 1) ≥ confidence.
    """
    low = high = 0
    first, last = carrying_range(count, share)
    below = 0.0  # P(B ≤ successes - 1)
    for successes in range(first, last + 1):
        if successes > 0 and 1.0 - below >= confidence:
            low = successes
        if successes > 0 and below >= confidence:
            high = successes
            break
        below += probability(count, successes, share)
    return low, high


def fewest_samples(share: float, confidence: float = CONFIDENCE) -> int:
    """So many samples give an upper bound: the largest of them is one with probability 1 - share^n."""
    return math.ceil(math.log(1.0 - confidence) / math.log(share))
