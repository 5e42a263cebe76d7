"""Is a percentile, or a share of errors, within its bound? Three answers, and how many samples a clear one still needs.

The upper confidence bound within the threshold is PASS, the lower one beyond it FAIL; anything else is inconclusive.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.statistics.percentiles import CONFIDENCE, Bounded, bounded_percentile, bounding_ranks, fewest_samples
from sim.statistics.shares import bounded_share
from sim.verdict import Status

_MOST_SAMPLES = 10_000_000


@dataclass(frozen=True, slots=True)
class Weighed:
    """``status`` UNKNOWN is inconclusive: ``samples_needed`` more, if they fall as these did, would decide.

    ``samples_needed`` is 0 with a clear answer, and None when no number in reason would do: what was seen lies too near
    the threshold.
    """

    status: Status
    bounded: Bounded | None
    samples: int
    samples_needed: int | None


def weigh_percentile(
    ordered: Sequence[float], share: float, threshold: float, confidence: float = CONFIDENCE
) -> Weighed:
    """Of samples in ascending order, same unit as ``threshold``. With none, UNKNOWN and the fewest that could tell."""
    if not ordered:
        return Weighed(Status.UNKNOWN, None, 0, fewest_samples(share, confidence))
    bounded = bounded_percentile(ordered, share, confidence)
    status = _status(bounded, threshold)
    if status is not Status.UNKNOWN:
        return Weighed(status, bounded, len(ordered), 0)
    within = bisect.bisect_right(ordered, threshold) / len(ordered)

    def decides(count: int) -> bool:
        low, high = bounding_ranks(count, share, confidence)
        expected = math.floor(within * count)
        return bool(high and expected >= high) or bool(low and expected < low)

    return Weighed(status, bounded, len(ordered), _still_needed(len(ordered), decides))


def weigh_share(events: int, count: int, threshold: float, confidence: float = CONFIDENCE) -> Weighed:
    """Of ``count`` operations, ``events`` of which went wrong; ``threshold`` is a share, 0.001 for 0.1 %."""
    if count == 0:
        return Weighed(Status.UNKNOWN, None, 0, fewest_samples(1.0 - threshold, confidence) if threshold > 0 else None)
    bounded = bounded_share(events, count, confidence)
    status = _status(bounded, threshold)
    if status is not Status.UNKNOWN:
        return Weighed(status, bounded, count, 0)
    seen = events / count

    def decides(more: int) -> bool:
        return _status(bounded_share(round(seen * more), more, confidence), threshold) is not Status.UNKNOWN

    return Weighed(status, bounded, count, _still_needed(count, decides))


def _status(bounded: Bounded, threshold: float) -> Status:
    if bounded.upper is not None and bounded.upper <= threshold:
        return Status.PASS
    if bounded.lower is not None and bounded.lower > threshold:
        return Status.FAIL
    return Status.UNKNOWN


def _still_needed(count: int, decides: Callable[[int], bool]) -> int | None:
    """By doubling, then halving: near enough, since rounding makes the last steps uneven."""
    low, high = count, count * 2
    while not decides(high):
        low, high = high, high * 2
        if high > _MOST_SAMPLES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high - count
