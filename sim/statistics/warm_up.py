"""When a run has settled: what came before is warm-up and is not measured.

The rule of minio/warp (``--autoterm``): the run so far is cut into 25 samples of equal length, and it is stable when
the last 7 of them lie within 7.5 % of the last.
"""

from __future__ import annotations

from collections.abc import Sequence

SAMPLES = 25
STABLE_SAMPLES = 7
TOLERANCE = 0.075


def rates_per_s(times_s: Sequence[float], began_s: float, ended_s: float, samples: int = SAMPLES) -> list[float]:
    """Events a second in each of ``samples`` equal parts of the stretch; events outside it are not counted."""
    if ended_s <= began_s:
        raise ValueError("a stretch of no length")
    part_s = (ended_s - began_s) / samples
    counts = [0] * samples
    for time_s in times_s:
        if began_s <= time_s < ended_s:
            counts[min(samples - 1, int((time_s - began_s) / part_s))] += 1
    return [count / part_s for count in counts]


def is_stable(rates: Sequence[float], wanted: int = STABLE_SAMPLES, tolerance: float = TOLERANCE) -> bool:
    """Whether the last ``wanted`` samples lie within ``tolerance`` of the last. Silence is not stability."""
    if len(rates) < wanted or rates[-1] <= 0:
        return False
    return all(abs(rate - rates[-1]) <= tolerance * rates[-1] for rate in rates[-wanted:])


def settled_from(rates: Sequence[float], wanted: int = STABLE_SAMPLES, tolerance: float = TOLERANCE) -> int | None:
    """Index of the first sample of the earliest stable window; all before is warm-up. None when it never settles."""
    ends = range(wanted, len(rates) + 1)
    return next((end - wanted for end in ends if is_stable(rates[:end], wanted, tolerance)), None)
