"""The open-loop schedule: an exact rate, no rhythm, and the same one for the same seed."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from sim.load.open_loop import Segment, due_times_s


def _rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable, not secret


@given(st.floats(0.5, 500), st.floats(0.1, 20), st.integers())
def test_one_operation_is_due_in_each_slot(rate_per_s: float, duration_s: float, seed: int) -> None:
    """In order, one to a slot of 1/rate, so that any stretch of time holds its share."""
    segment = Segment("any", rate_per_s, duration_s)
    due = due_times_s(segment, _rng(seed))
    assert len(due) == segment.count == round(rate_per_s * duration_s)
    assert list(due) == sorted(due)
    assert all(n / rate_per_s <= t < (n + 1) / rate_per_s * (1 + 1e-12) for n, t in enumerate(due))


def test_the_seed_decides() -> None:
    """The same seed draws the same schedule, another one another."""
    segment = Segment("any", 100, 2)
    assert due_times_s(segment, _rng(1)) == due_times_s(segment, _rng(1))
    assert due_times_s(segment, _rng(1)) != due_times_s(segment, _rng(2))


def test_the_beat_is_not_regular() -> None:
    """Nothing periodic in the platform can hide between the beats."""
    due = due_times_s(Segment("any", 100, 2), _rng(1))
    gaps = [round(b - a, 4) for a, b in itertools.pairwise(due)]
    assert len(set(gaps)) > 100
