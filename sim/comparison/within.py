"""What one run of each build can say: the noise within a run, second by second. Between runs there is more."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sim.comparison.runs import Repeat
from sim.history import Outcome, only
from sim.judging import grouped
from sim.statistics.percentiles import percentile
from sim.statistics.ratios import Ratio, block_ratio

PUBLISH = "publish"
"""One operation of an open-loop load: answered at ``t_s``, due at ``intended_s``."""
_SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


def ratio_within(before: Repeat, after: Repeat, scenario: str, metric: str, rng: random.Random) -> Ratio | None:
    """Of a latency percentile, from both histories; None for what they do not tell of."""
    share = _SHARES.get(metric)
    if share is None:
        return None

    def statistic(ordered: Sequence[float]) -> float:
        return percentile(ordered, share)

    blocks = [_latencies_by_second(repeat, scenario) for repeat in (before, after)]
    try:
        return block_ratio(blocks[0], blocks[1], statistic, rng)
    except ValueError:  # too little of it to have any noise
        return None


def _latencies_by_second(repeat: Repeat, scenario: str) -> list[list[float]]:
    if not repeat.history.is_file():
        return []
    blocks: dict[int, list[float]] = {}
    for o in only(grouped(repeat.history, [scenario])[scenario], PUBLISH):
        due_s = o.detail.get("intended_s")
        if o.outcome is Outcome.OK and isinstance(due_s, int | float):
            blocks.setdefault(int(due_s), []).append(o.t_s - due_s)
    return list(blocks.values())
