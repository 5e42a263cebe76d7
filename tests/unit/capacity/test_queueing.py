"""Waits against closed forms and a simulation of the same station."""

from __future__ import annotations

import heapq
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.capacity.queueing import ENDLESS, NO_WAIT, Wait, erlang_c, quantile_s, total, waiting


@pytest.mark.parametrize(
    ("places", "load", "expected"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (5, 4.0, 0.5541), (10, 8.0, 0.4092), (1, 1.0, 1.0)],
)
def test_erlangs_formula_is_the_tables(places: int, load: float, expected: float) -> None:
    """Of one place it is the load itself."""
    assert erlang_c(places, load) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 200), st.floats(0.01, 0.999))
def test_more_places_wait_less_at_the_same_load_each(places: int, each: float) -> None:
    """Pooling: a share between nothing and all, and less with one place more."""
    waits = erlang_c(places, places * each)
    assert 0 <= waits <= 1
    assert erlang_c(places + 1, (places + 1) * each) <= waits + 1e-12


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_one_place_waits_as_the_textbook_says(load: float) -> None:
    """M/M/1: load / (1 - load) services on average, exponential for those who wait."""
    wait = waiting(1, 0.01, load / 0.01)
    assert wait.mean_s == pytest.approx(0.01 * load / (1 - load))
    p99_s = 0.01 / (1 - load) * max(0.0, math.log(load / 0.01))
    assert quantile_s(wait, 0.99) == pytest.approx(p99_s, rel=1e-9)


def test_steady_service_waits_half_as_long() -> None:
    """M/D/1 by Allen and Cunneen: variation of 0 in place of 1."""
    assert waiting(1, 0.01, 80, service_variation=0).mean_s == pytest.approx(waiting(1, 0.01, 80).mean_s / 2)


def test_an_overrun_station_waits_without_end() -> None:
    """And an idle one not at all."""
    assert waiting(2, 0.1, 20.0) == ENDLESS
    assert waiting(2, 0.1, 0.0) == NO_WAIT
    assert math.isinf(quantile_s(ENDLESS, 0.5))
    assert quantile_s(NO_WAIT, 0.99) == 0.0


def test_waits_one_after_another_add_up() -> None:
    """Means and variances do; one that is endless makes all so."""
    one = waiting(1, 0.01, 70)
    both = total([one, one])
    assert both.mean_s == pytest.approx(2 * one.mean_s)
    assert both.variance_s2 == pytest.approx(2 * one.variance_s2)
    assert total([one, ENDLESS]) == ENDLESS


@given(st.floats(1e-6, 10), st.floats(1.0001, 50), st.floats(0.01, 0.98))
def test_quantiles_rise_with_their_share(mean_s: float, times: float, share: float) -> None:
    """For any mean and any second moment that goes with it."""
    wait = Wait(mean_s, times * mean_s**2)
    assert 0 <= quantile_s(wait, share) <= quantile_s(wait, share + 0.01) + 1e-12


def _simulated(places: int, service_s: float, rate_per_s: float) -> list[float]:
    """Waits of 200,000 requests at a station of several places, first come, first served."""
    rng = random.Random(places)  # noqa: S311 - repeatable, not secret
    free_at = [0.0] * places
    now_s, waits = 0.0, []
    for _ in range(200_000):
        now_s += rng.expovariate(rate_per_s)
        start_s = max(now_s, heapq.heappop(free_at))
        heapq.heappush(free_at, start_s + rng.expovariate(1 / service_s))
        waits.append(start_s - now_s)
    return sorted(waits)


@pytest.mark.parametrize(("places", "rate_per_s"), [(1, 75.0), (4, 340.0)])
def test_a_simulated_station_waits_as_foretold(places: int, rate_per_s: float) -> None:
    """Mean and 99th percentile within a tenth."""
    seen = _simulated(places, 0.01, rate_per_s)
    wait = waiting(places, 0.01, rate_per_s)
    assert sum(seen) / len(seen) == pytest.approx(wait.mean_s, rel=0.12)
    assert seen[int(0.99 * len(seen))] == pytest.approx(quantile_s(wait, 0.99), rel=0.12)
