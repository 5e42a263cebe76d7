"""How long a service was away, read from when its confirms came."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sim.history import Observation, Outcome

GOOD_WITHIN_S = 1.0
"""What the document calls slow (section 9: alert on a response of more than 1 s)."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Gaps between consecutive confirms, in seconds.

    ``baseline_s`` is the longest that ended before the fault. ``outage_s`` is the longest that overlaps the time from
    the fault to the start of its healing, ``rejoin_s`` the longest that overlaps the time after. ``rto_s`` is
    ``outage_s`` less ``baseline_s`` and never negative: the time without service that the fault added. A gap without
    an end, because no confirm came again, is infinite.

    Sources: recovery time as the gap between confirmed operations, RabbitMQ's "Quorum Queues" on leader failure
    (www.rabbitmq.com/docs/quorum-queues); RTO as "the maximum amount of time that a system resource can remain
    unavailable", NIST SP 800-34 rev. 1, section 3.2.1, of which this is one observed value.
    """

    baseline_s: float
    outage_s: float
    rejoin_s: float

    @property
    def rto_s(self) -> float:
        return max(0.0, self.outage_s - self.baseline_s)


def recovery(confirmed_s: Iterable[float], injected_s: float, heal_s: float) -> Recovery | None:
    """None when there is no baseline: fewer than two confirms before the fault."""
    times = sorted(confirmed_s)
    before = [t for t in times if t <= injected_s]
    if len(before) < 2:
        return None
    gaps = [*pairwise(times), (times[-1], math.inf)] if times[-1] <= injected_s else list(pairwise(times))
    return Recovery(
        baseline_s=max(b - a for a, b in pairwise(before)),
        outage_s=max((b - a for a, b in gaps if b > injected_s and a <= heal_s), default=0.0),
        rejoin_s=max((b - a for a, b in gaps if b > heal_s), default=0.0),
    )


def first_after_s(times: Iterable[float], t_s: float) -> float | None:
    """How long after ``t_s`` the first of ``times`` came; None when none did."""
    later = [time_s for time_s in times if time_s >= t_s]
    return min(later) - t_s if later else None


def share_confirmed(tried: Iterable[Observation]) -> float:
    """Of what was tried the share that came to OK; 0 when nothing was tried."""
    outcomes = [o.outcome is Outcome.OK for o in tried]
    return sum(outcomes) / len(outcomes) if outcomes else 0.0


def availability_percent(publishes: Iterable[Observation], since_s: float, until_s: float, rate_per_s: float) -> float:
    """Of the messages due from ``since_s`` to ``until_s``, the share confirmed within :data:`GOOD_WITHIN_S` of that.

    Due are as many as the rate gives, those included that an outage kept from being sent. Good events over valid
    events: Google's SRE workbook, "Implementing SLOs".
    """
    due = max(1.0, (until_s - since_s) * rate_per_s)
    good = sum(
        o.outcome is Outcome.OK
        and float(o.detail["intended_s"]) >= since_s
        and o.t_s - float(o.detail["intended_s"]) <= GOOD_WITHIN_S
        for o in publishes
    )
    return min(100.0, 100.0 * good / due)
