"""Sums of the binomial distribution, exact to the last digits a double has, for samples in their millions."""

from __future__ import annotations

import math

_REACH_SIGMAS = 40.0  # beyond it a double's sum has nothing left to add: exp(-40²/2) is far below its smallest step
_REACH = 60


def probability(count: int, successes: int, share: float) -> float:
    """P(B = successes), B binomial(count, share), for 0 < share < 1."""
    log_ways = math.lgamma(count + 1) - math.lgamma(successes + 1) - math.lgamma(count - successes + 1)
    return math.exp(log_ways + successes * math.log(share) + (count - successes) * math.log1p(-share))


def at_most(count: int, successes: int, share: float) -> float:
    """P(B ≤ successes), for 0 ≤ share ≤ 1."""
    if successes >= count or share <= 0.0:
        return 1.0
    if successes < 0 or share >= 1.0:
        return 0.0
    first, last = carrying_range(count, share)
    if successes < first:
        return 0.0
    return min(1.0, math.fsum(probability(count, i, share) for i in range(first, min(successes, last) + 1)))


def carrying_range(count: int, share: float) -> tuple[int, int]:
    """The successes, first and last, outside which the probability adds nothing a double could hold."""
    reach = math.ceil(_REACH_SIGMAS * math.sqrt(count * share * (1.0 - share))) + _REACH
    middle = round(count * share)
    return max(0, middle - reach), min(count, middle + reach)
