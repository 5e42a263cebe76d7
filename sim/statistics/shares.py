"""A share of events (errors among requests) with exact bounds of the true one.

Source: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934): the bound is the share at which what was seen is only just as rare as allowed.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.statistics.binomial import at_most
from sim.statistics.percentiles import CONFIDENCE, Bounded

_HALVINGS = 60


def bounded_share(events: int, count: int, confidence: float = CONFIDENCE) -> Bounded:
    """One-sided bounds; the lower of no event is 0, the upper of nothing but events 1.

    Raises ValueError when nothing was counted.
    """
    if not 0 <= events <= count or count == 0:
        raise ValueError(f"{events} events of {count}")
    rare = 1.0 - confidence
    lower = 0.0 if events == 0 else _crossing(lambda share: 1.0 - at_most(count, events - 1, share) >= rare)
    upper = 1.0 if events == count else _crossing(lambda share: at_most(count, events, share) <= rare)
    return Bounded(events / count, lower, upper)


def _crossing(reached: Callable[[float], bool]) -> float:
    """Where a condition that holds for large shares begins to hold."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
        if high - low <= 1e-12 * high:
            break
    return high
