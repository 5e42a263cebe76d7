"""What is cut as warm-up, by the rule of minio/warp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.statistics.warm_up import is_stable, rates_per_s, settled_from


def test_a_ramp_is_warm_up_and_the_plateau_is_not() -> None:
    """The stable window begins with the first sample near the plateau."""
    ramp = [10.0, 30.0, 50.0, 70.0, 90.0]
    assert settled_from([*ramp, *[100.0] * 20]) == 5


def test_a_sample_within_tolerance_belongs_to_the_window() -> None:
    """93 is within 7.5 % of 100 and 92 is not."""
    assert settled_from([93.0, *[100.0] * 6]) == 0
    assert settled_from([92.0, *[100.0] * 6]) is None


def test_what_never_settles_has_no_beginning() -> None:
    """A run that swings by half, and one that is silent."""
    assert settled_from([50.0, 100.0] * 12) is None
    assert settled_from([0.0] * 25) is None


def test_six_samples_are_too_few() -> None:
    """The rule wants seven."""
    assert not is_stable([100.0] * 6)
    assert is_stable([100.0] * 7)


def test_rates_count_each_event_of_the_stretch_once() -> None:
    """Two a second for ten seconds; what lies before and after is not counted."""
    times_s = [100 + i / 2 for i in range(20)]
    assert rates_per_s([50.0, *times_s, 110.0], 100, 110, samples=5) == [2.0] * 5


def test_a_stretch_of_no_length_is_refused() -> None:
    """There is no rate in an instant."""
    with pytest.raises(ValueError, match="no length"):
        rates_per_s([1.0], 5, 5)


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_what_is_called_settled_is_stable(rates: list[float]) -> None:
    """The window found satisfies the rule, and none before it does."""
    began = settled_from(rates)
    if began is not None:
        assert is_stable(rates[: began + 7])
    earlier = range(7, len(rates) + 1 if began is None else began + 7)
    assert not any(is_stable(rates[:end]) for end in earlier)
