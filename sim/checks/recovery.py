"""How long a service was away, read from what was tried of it and what came of each."""

from __future__ import annotations

import math
import statistics
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from operator import attrgetter, le

from sim.history import Observation, Outcome

GOOD_WITHIN_S = 1.0
"""What the document calls slow (section 9: alert on a response of more than 1 s)."""
_CLEAR = 2.0
"""An outage is what lasted so many times longer than the longest stall without a fault; less is told as an excess."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a fault cost one kind of operation, in seconds.

    Gaps lie between consecutive answers that were good: ``baseline_s`` the longest that ended before the fault,
    ``outage_s`` the longest that overlaps the time from the fault to the start of its healing, ``rejoin_s`` the longest
    that overlaps the time after. A gap without an end, because no good answer came again, is infinite.

    ``rto_s`` is the time without service in the worst of the gaps around the fault, and the truth lies within
    ``resolution_s`` of it. A gap proves an outage by what was tried in it and failed, or waited longer than usual; that
    nothing was tried proves nothing. The service went between its last good answer (not before the fault) and the
    first try that it should have answered; it came back between the last such try and the next good answer; the middle
    of the two bounds is what is told. Stalls of the same length without any fault are no outage: up to twice the
    longest, only the excess over it counts. Nought with a resolution means that an outage up to that long could hide.

    Sources: recovery time as the gap between confirmed operations, RabbitMQ's "Quorum Queues" on leader failure
    (www.rabbitmq.com/docs/quorum-queues); RTO as "the maximum amount of time that a system resource can remain
    unavailable", NIST SP 800-34 rev. 1, section 3.2.1, of which this is one observed value.
    """

    baseline_s: float
    outage_s: float
    rejoin_s: float
    rto_s: float
    resolution_s: float

    def numbers(self, kind: str = "") -> dict[str, float]:
        """``rto_ms`` and its resolution, or ``rto_<kind>_ms``; none when it has no end."""
        if not math.isfinite(self.rto_s):
            return {}
        name = f"rto_{kind}" if kind else "rto"
        return {f"{name}_ms": to_ms(self.rto_s), f"{name}_resolution_ms": to_ms(self.resolution_s)}


@dataclass(frozen=True, slots=True)
class Course:
    """One kind of operation over time.

    In the order of their outcomes: ``done_s`` of all that was tried, and ``due_s`` by when each had told of the
    service: its failure, or when its answer is usually there. ``good`` are the places of the good, ``good_s`` their
    times. Before the first fault a good answer took ``usual_s``, the longest gap was ``baseline_s``, and the longest
    proven stall ``stall_s``.
    """

    done_s: Sequence[float]
    due_s: Sequence[float]
    good: Sequence[int]
    good_s: Sequence[float]
    usual_s: float
    baseline_s: float = 0.0
    stall_s: float = 0.0

    def around(self, injected_s: float, heal_s: float) -> Recovery:
        """What one fault did, from its injection to the start of its healing."""
        rto_s, resolution_s = self._away(injected_s, heal_s)
        last_s = self.good_s[-1]
        endless = [math.inf] * (last_s <= injected_s or (last_s <= heal_s and self.done_s[-1] > last_s))
        gaps = [*self._gaps(injected_s, heal_s), *endless]
        return Recovery(
            baseline_s=self.baseline_s,
            outage_s=max(gaps, default=0.0),
            rejoin_s=max([*self._gaps(heal_s, math.inf), *endless], default=0.0),
            rto_s=math.inf if endless else rto_s,
            resolution_s=resolution_s,
        )

    def _gaps(self, since_s: float, until_s: float) -> Iterator[float]:
        return (self.good_s[n] - self.good_s[n - 1] for n in self._ends(since_s, until_s))

    def _ends(self, since_s: float, until_s: float) -> range:
        """Of good answers the places of those that end a gap which overlaps the time."""
        first = max(1, bisect_right(self.good_s, since_s))
        return range(first, min(len(self.good_s), bisect_right(self.good_s, until_s) + 1))

    def _away(self, injected_s: float, heal_s: float) -> tuple[float, float]:
        worst_s, blur_s, hidden_s = 0.0, 0.0, 0.0
        for end in self._ends(injected_s, heal_s):
            least_s, most_s = self.bounds(end, injected_s)
            hidden_s = max(hidden_s, most_s)
            if least_s >= 0 and least_s + most_s > 2 * worst_s:
                worst_s, blur_s = (least_s + most_s) / 2, (most_s - least_s) / 2
        if worst_s > _CLEAR * self.stall_s:
            return worst_s, blur_s
        return max(0.0, worst_s - self.stall_s), max(blur_s, self.stall_s) if worst_s > self.stall_s else hidden_s

    def bounds(self, end: int, not_before_s: float) -> tuple[float, float]:
        """In the gap that the good answer ``end`` ends: how long the service was away at least, and at most.

        Where nothing proves that it was away at all the first is below nought.
        """
        before, after = self.good[end - 1], self.good[end]
        from_s, to_s = max(self.done_s[before], not_before_s), self.done_s[after]
        asked_s = to_s - self.usual_s
        failed = self.due_s[before + 1 : after]
        answered = list(self._answered_with(end)) if asked_s > from_s else [self.due_s[after]]
        # One that was overdue already when others were still answered tells nothing of when the service went.
        gone_by_s = min((due_s for due_s in (*failed, *answered) if due_s >= from_s), default=to_s)
        still_s = max(failed, default=-math.inf)
        if any(due_s < asked_s for due_s in answered):
            # Who waited was answered when it was back, somewhere between at once and as long as an answer takes.
            still_s, back_by_s = max(still_s, asked_s), to_s
        else:
            back_by_s = asked_s if asked_s > still_s else to_s
        return still_s - gone_by_s, max(0.0, back_by_s - from_s)

    def _answered_with(self, end: int) -> Iterator[float]:
        """When the good answer ``end`` was due, and those that came with it: who waited need not be served first."""
        until_s = self.good_s[end] + _CLEAR * self.usual_s
        while end < len(self.good) and self.good_s[end] <= until_s:
            yield self.due_s[self.good[end]]
            end += 1


def course(operations: Iterable[Observation], calm_until_s: float) -> Course | None:
    """Of one kind; None when there is no baseline: fewer than two good answers before the first fault."""
    tried = _in_order(list(operations))
    done_s = array("d", [o.t_s for o in tried])
    took_s = array("d", [o.detail.get("latency_s") or 0.0 for o in tried])
    was_good = [o.outcome is Outcome.OK for o in tried]
    good = array("q", [place for place, one_was_good in enumerate(was_good) if one_was_good])
    good_s = array("d", [done_s[place] for place in good])
    calm = bisect_right(good_s, calm_until_s)
    if calm < 2:
        return None
    usual_s = statistics.median([took_s[place] for place in good[:calm]])
    due_s = array(
        "d",
        [
            done - took + usual_s if one_was_good or took > usual_s else done
            for done, took, one_was_good in zip(done_s, took_s, was_good, strict=True)
        ],
    )
    found = Course(done_s, due_s, good, good_s, usual_s)
    stalls = (found.bounds(end, -math.inf) for end in range(1, calm))
    return replace(
        found,
        baseline_s=max(b - a for a, b in pairwise(good_s[:calm])),
        stall_s=max((least_s + most_s) / 2 if least_s >= 0 else 0.0 for least_s, most_s in stalls),
    )


def recovery(operations: Iterable[Observation], injected_s: float, heal_s: float) -> Recovery | None:
    """Of one kind of operation around the only fault there was; None without a baseline."""
    found = course(operations, injected_s)
    return None if found is None else found.around(injected_s, heal_s)


def _in_order(operations: list[Observation]) -> list[Observation]:
    """By when their outcome was known, as one thread's are from the first."""
    times_s = [o.t_s for o in operations]
    return operations if all(map(le, times_s, islice(times_s, 1, None))) else sorted(operations, key=attrgetter("t_s"))


def to_ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


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
