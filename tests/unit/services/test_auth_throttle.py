"""When signing in is refused for a while."""

from __future__ import annotations

import pytest

from sim.services.auth.throttle import FAILURES, WINDOW_S, Throttle, wait_s
from sim.services.chassis.service import CacheGone
from sim.services.contract.problem import Problem


class Shelf:
    """Keys and values with a clock of its own, as much of Redis as throttling relies on."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.kept: dict[str, tuple[bytes, float]] = {}

    def get(self, key: str) -> bytes | None:
        value, expiry = self.kept.get(key, (b"", 0.0))
        return value if expiry > self.now_s else None

    def set(self, key: str, value: bytes | str, expires_s: int) -> None:
        self.kept[key] = (value.encode() if isinstance(value, str) else value, self.now_s + expires_s)

    def add(self, key: str, value: bytes | str, expires_s: int) -> bool:
        if self.get(key) is not None:
            return False
        self.set(key, value, expires_s)
        return True

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.kept.pop(key, None)

    def delete_matching(self, pattern: str) -> int:
        raise NotImplementedError(pattern)


class Gone(Shelf):
    """Redis when it is away."""

    def get(self, key: str) -> bytes | None:
        raise CacheGone(key)

    def add(self, key: str, value: bytes | str, expires_s: int) -> bool:
        raise CacheGone(key, value, expires_s)

    def delete(self, *keys: str) -> None:
        raise CacheGone(*keys)


def failing(shelf: Shelf, email: str, times: int) -> Throttle:
    throttle = Throttle(shelf, email)
    for _ in range(times):
        throttle.failed(shelf.now_s)
    return throttle


def test_a_few_failures_are_forgiven() -> None:
    """One less than the limit refuses nothing."""
    shelf = Shelf()
    failing(shelf, "ann@example.com", FAILURES - 1).check(shelf.now_s)


def test_one_failure_more_refuses_with_the_time_to_wait() -> None:
    """429 carries how long, never more than the window."""
    shelf = Shelf()
    throttle = failing(shelf, "ann@example.com", FAILURES)
    with pytest.raises(Problem) as refusal:
        throttle.check(shelf.now_s)
    assert refusal.value.status == 429
    assert refusal.value.retry_after_s == WINDOW_S


def test_the_window_slides() -> None:
    """The wait is for the oldest failure alone; after it one more attempt is free, and its failure refuses again."""
    shelf = Shelf()
    throttle = failing(shelf, "ann@example.com", 1)
    shelf.now_s += 40
    failing(shelf, "ann@example.com", FAILURES - 1)
    with pytest.raises(Problem) as refusal:
        throttle.check(shelf.now_s)
    assert refusal.value.retry_after_s == WINDOW_S - 40
    shelf.now_s += WINDOW_S - 40
    throttle.check(shelf.now_s)
    throttle.failed(shelf.now_s)
    with pytest.raises(Problem):
        throttle.check(shelf.now_s)


def test_accounts_do_not_lock_each_other() -> None:
    """Failures count for the account they were tried on."""
    shelf = Shelf()
    failing(shelf, "ann@example.com", FAILURES)
    Throttle(shelf, "bob@example.com").check(shelf.now_s)


def test_signing_in_forgets_the_failures() -> None:
    """Whoever remembers their password at the last attempt starts anew."""
    shelf = Shelf()
    throttle = failing(shelf, "ann@example.com", FAILURES - 1)
    throttle.forget()
    failing(shelf, "ann@example.com", FAILURES - 1).check(shelf.now_s)


def test_without_redis_nobody_is_refused() -> None:
    """A cache that is away costs the throttle, not the sign-in."""
    throttle = failing(Gone(), "ann@example.com", FAILURES + 1)
    throttle.check(1000.0)
    throttle.forget()


def test_keys_do_not_show_the_address() -> None:
    """An address with the glob characters of Redis, or anybody's name, is not in the key."""
    assert not any("ann" in key or "*" in key for key in Throttle(Shelf(), "ann*[x]@example.com").keys)


def test_failures_already_forgotten_do_not_count() -> None:
    """Redis may be late to expire a key; the time it stands for decides."""
    assert wait_s([1000.0] * FAILURES, now_s=1000.0) is None
    assert wait_s([1000.2] * FAILURES, now_s=1000.0) == 1
