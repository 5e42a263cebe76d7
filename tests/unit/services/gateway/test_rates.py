"""Token buckets: bursts, steady rates, and bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.services.gateway.rates import RateLimit, Take


class _Clock:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def _take(limit: RateLimit, client: str = "a") -> Take:
    take = limit.take(client)
    assert take is not None
    return take


def test_a_burst_is_granted_then_the_rate() -> None:
    """After the burst a request is granted each 1/rate seconds, and the refusal says when."""
    clock = _Clock()
    limit = RateLimit(2.0, 3, clock)
    assert [_take(limit).granted for _ in range(4)] == [True, True, True, False]
    refused = _take(limit)
    assert refused.retry_after_s == 0.5
    clock.now_s += refused.retry_after_s
    assert _take(limit).granted
    assert not _take(limit).granted


def test_clients_do_not_share_a_bucket() -> None:
    """One that asks too often costs another nothing."""
    limit = RateLimit(1.0, 1, _Clock())
    assert _take(limit, "a").granted
    assert not _take(limit, "a").granted
    assert _take(limit, "b").granted


def test_no_limit_counts_nobody() -> None:
    """A rate of 0 is no limit."""
    limit = RateLimit(0.0, 1, _Clock())
    assert limit.take("a") is None
    assert len(limit) == 0


def test_the_headers_tell_what_is_left() -> None:
    """Limit, remaining and reset, and the policy they follow from."""
    limit = RateLimit(2.0, 10, _Clock())
    headers = dict(limit.headers(_take(limit)))
    assert headers == {
        b"ratelimit-policy": b"10;w=5",
        b"ratelimit-limit": b"10",
        b"ratelimit-remaining": b"9",
        b"ratelimit-reset": b"1",
    }


def test_memory_is_bounded() -> None:
    """The client least recently seen is forgotten first."""
    limit = RateLimit(1.0, 1, _Clock(), most_clients=2)
    for client in ("a", "b", "a", "c"):
        limit.take(client)
    assert len(limit) == 2
    assert not _take(limit, "a").granted
    assert _take(limit, "b").granted


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 5), st.floats(0.5, 5))
def test_never_more_than_burst_plus_rate(pauses_s: list[float], burst: int, rate_per_s: float) -> None:
    """Over any time no more is granted than the burst and what the rate gives in that time."""
    clock = _Clock()
    limit = RateLimit(rate_per_s, burst, clock)
    granted = 0
    for pause_s in pauses_s:
        clock.now_s += pause_s
        granted += _take(limit).granted
        assert granted <= burst + rate_per_s * (clock.now_s - 50.0) + 1e-6
