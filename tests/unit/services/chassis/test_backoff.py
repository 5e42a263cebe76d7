"""Delays grow, stay within their bounds, and differ between replicas."""

from __future__ import annotations

from random import Random

from sim.services.chassis.backoff import FIRST_S, LONGEST_S, Backoff


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a schedule that can be repeated


def test_delays_stay_within_bounds_that_double() -> None:
    """Never below a tenth of a second, never above the doubled bound, never above five seconds."""
    for seed in range(50):
        backoff, bound_s = Backoff(_random(seed)), FIRST_S
        for _ in range(12):
            assert FIRST_S <= backoff.next_s() <= bound_s
            bound_s = min(LONGEST_S, bound_s * 2)


def test_full_jitter_spreads_replicas_over_the_whole_range() -> None:
    """After many failures delays reach from the bottom to the top of the range."""
    backoff = Backoff(_random(7))
    delays = [backoff.next_s() for _ in range(500)][10:]
    assert min(delays) < 0.5
    assert max(delays) > 4.5


def test_success_starts_over() -> None:
    """The next failure is answered quickly again."""
    backoff = Backoff(_random(1))
    for _ in range(10):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == FIRST_S
