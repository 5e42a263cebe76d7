"""Latencies kept as counts: nothing is dropped, percentiles stay within the format's three digits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.histogram import Latencies, merged
from sim.statistics.percentiles import percentile

_TIMES = st.lists(st.floats(0.00001, 100.0), min_size=1, max_size=60)


@settings(deadline=None, max_examples=15)
@given(_TIMES, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_within_a_thousandth_of_the_sample(values: list[float], share: float) -> None:
    """By nearest rank, from the histogram as from the samples themselves."""
    kept = Latencies(values)
    exact = percentile(sorted(values), share)
    assert abs(percentile(kept.ordered_s(), share) - exact) <= 0.001 * exact + 2e-6
    assert kept.count == len(values) == len(kept.ordered_s())
    assert kept.max_s == pytest.approx(max(values), rel=0.001, abs=2e-6)


@settings(deadline=None, max_examples=10)
@given(_TIMES, _TIMES)
def test_a_histogram_survives_its_text_and_merges(one: list[float], other: list[float]) -> None:
    """What was written is read back, and two workers' halves are one whole."""
    whole = merged([Latencies.decoded(Latencies(one).encoded()), Latencies.decoded(Latencies(other).encoded())])
    assert whole.ordered_s() == Latencies([*one, *other]).ordered_s()


def test_what_is_out_of_range_is_counted_at_its_end() -> None:
    """A latency of nothing, and one of an hour, are latencies."""
    kept = Latencies([0.0, 3600.0])
    assert kept.count == 2
    assert kept.max_s == pytest.approx(600, rel=0.001)


def test_nothing_has_no_latency_and_nonsense_is_refused() -> None:
    """An empty histogram answers nought; a text that is none says so."""
    assert (Latencies().count, Latencies().quantile_s(0.99), Latencies().max_s, Latencies().mean_s) == (0, 0, 0, 0)
    with pytest.raises(ValueError, match="not an encoded histogram"):
        Latencies.decoded("nonsense")
