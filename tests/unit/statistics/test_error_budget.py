"""Burn rates and what they leave of a budget, against the workbook's own figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.statistics.error_budget import (
    ALERTS,
    HOUR_S,
    PERIOD_S,
    Answers,
    budget_spent,
    burn_rate,
    exhausted_after_s,
    firing,
)

_OBJECTIVE = 0.999


def test_the_alerts_spend_the_workbooks_shares_of_the_budget() -> None:
    """2 % in an hour, 5 % in six, 10 % in three days."""
    assert [round(a.budget_share, 4) for a in ALERTS] == [0.02, 0.05, 0.1]


@pytest.mark.parametrize(("rate", "hours"), [(1.0, 720), (2.0, 360), (10.0, 72), (1000.0, 0.72)])
def test_a_budget_lasts_as_long_as_the_workbook_says(rate: float, hours: float) -> None:
    """30 days at 1, and 43 minutes when all fail at 99.9 %."""
    assert exhausted_after_s(rate) == pytest.approx(hours * HOUR_S)


def test_nothing_burns_forever() -> None:
    """No error, no end."""
    assert exhausted_after_s(0.0) is None


@given(st.integers(1, 10_000), st.floats(0.5, 0.9999))
def test_burning_at_one_spends_the_budget_in_its_period(requests: int, objective: float) -> None:
    """All errors give the highest rate there is, and rate times time is what is spent."""
    rate = burn_rate(requests, requests, objective)
    assert rate == pytest.approx(1 / (1 - objective))
    assert budget_spent(rate, PERIOD_S / rate) == pytest.approx(1.0)


@pytest.mark.parametrize(("errors", "requests"), [(0, 0), (2, 1), (-1, 1)])
def test_impossible_counts_have_no_burn_rate(errors: int, requests: int) -> None:
    """Nothing asked, or more errors than requests."""
    with pytest.raises(ValueError, match="requests"):
        burn_rate(errors, requests, _OBJECTIVE)


@pytest.mark.parametrize("objective", [0.0, 1.0])
def test_an_objective_leaves_some_budget(objective: float) -> None:
    """100 % leaves none, and 0 % asks for nothing."""
    with pytest.raises(ValueError, match="objective"):
        burn_rate(1, 2, objective)


def _answers(failing_from_s: float, ends_s: float) -> Answers:
    """Ten requests a minute for hours; from some moment on half of them fail."""
    times_s = [float(t) for t in range(0, int(ends_s) + 1, 6)]
    return Answers(times_s, [t for t in times_s[::2] if t >= failing_from_s])


def test_a_fast_burn_pages_while_it_lasts() -> None:
    """An hour of errors fires; ten minutes after their end the short window has forgotten them."""
    burning = _answers(5 * HOUR_S, 6 * HOUR_S)
    assert ALERTS[0] in firing(burning, 6 * HOUR_S, _OBJECTIVE)
    over = Answers([*burning.times_s, *(6 * HOUR_S + t for t in range(6, 606, 6))], burning.error_times_s)
    assert ALERTS[0] not in firing(over, 6 * HOUR_S + 600, _OBJECTIVE)


def test_a_moment_of_errors_does_not_page() -> None:
    """Twelve seconds of half failing are within the hour's allowance."""
    assert firing(_answers(6 * HOUR_S - 12, 6 * HOUR_S), 6 * HOUR_S, _OBJECTIVE) == ()


def test_windows_shrink_with_a_drills_time() -> None:
    """Sixty times faster, a minute stands for the hour."""
    answers = Answers([i / 10 for i in range(1201)], [i / 10 for i in range(900, 1201, 10)])
    assert ALERTS[0] in firing(answers, 120.0, _OBJECTIVE, time_scale=60)


def test_silence_fires_nothing() -> None:
    """No request, no rate: the window knows nothing."""
    assert Answers([], []).burn_rate(10.0, 5.0, _OBJECTIVE) is None
    assert firing(Answers([], []), 10.0, _OBJECTIVE) == ()
