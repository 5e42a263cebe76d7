"""How fast errors eat what an objective allows.

An objective of 99.9 % over 30 days is a budget of 0.1 % of the requests. A burn rate of 1 spends it in exactly that
time, 14.4 in 50 hours. Source: Google, "The Site Reliability Workbook", chapter 5, "Alerting on SLOs", table 5-8.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

HOUR_S = 3600.0
PERIOD_S = 30 * 24 * HOUR_S
FAST_BURN = 14.4


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Fires while errors burn at ``burn_rate`` or more in both windows; the short one lets it end soon after them."""

    burn_rate: float
    long_s: float
    short_s: float
    severity: str

    @property
    def budget_share(self) -> float:
        """What is spent by the time the long window has seen it."""
        return self.burn_rate * self.long_s / PERIOD_S


ALERTS = (
    BurnAlert(FAST_BURN, HOUR_S, HOUR_S / 12, "page"),
    BurnAlert(6.0, 6 * HOUR_S, HOUR_S / 2, "page"),
    BurnAlert(1.0, 72 * HOUR_S, 6 * HOUR_S, "ticket"),
)


def burn_rate(errors: int, requests: int, objective: float) -> float:
    """``objective`` is the share that must succeed, below 1. Raises ValueError when nothing was asked."""
    if requests <= 0 or not 0 <= errors <= requests:
        raise ValueError(f"{errors} errors of {requests} requests")
    if not 0 < objective < 1:
        raise ValueError(f"an objective is a share between 0 and 1, not {objective}")
    return errors / requests / (1.0 - objective)


def budget_spent(rate: float, duration_s: float, period_s: float = PERIOD_S) -> float:
    """Share of the period's budget that burning at ``rate`` for so long uses up; above 1 it is overdrawn."""
    return rate * duration_s / period_s


def exhausted_after_s(rate: float, period_s: float = PERIOD_S) -> float | None:
    """How long a full budget lasts at this rate; None when nothing burns."""
    return period_s / rate if rate > 0 else None


@dataclass(frozen=True, slots=True)
class Answers:
    """When each request was answered and when each error was, both in ascending order, in seconds."""

    times_s: Sequence[float]
    error_times_s: Sequence[float]

    def burn_rate(self, ends_s: float, window_s: float, objective: float) -> float | None:
        """Over the window that ends then (its start excluded, its end included); None when it saw no request."""
        requests = _within(self.times_s, ends_s - window_s, ends_s)
        return (
            burn_rate(_within(self.error_times_s, ends_s - window_s, ends_s), requests, objective) if requests else None
        )


def firing(answers: Answers, now_s: float, objective: float, time_scale: float = 1.0) -> tuple[BurnAlert, ...]:
    """Alerts that fire now. ``time_scale`` shortens the windows of a drill: 60 makes an hour a minute."""

    def burns(alert: BurnAlert, window_s: float) -> bool:
        rate = answers.burn_rate(now_s, window_s / time_scale, objective)
        return rate is not None and rate >= alert.burn_rate

    return tuple(a for a in ALERTS if burns(a, a.long_s) and burns(a, a.short_s))


def _within(times_s: Sequence[float], after_s: float, until_s: float) -> int:
    return bisect.bisect_right(times_s, until_s) - bisect.bisect_right(times_s, after_s)
