"""A clock that leaps is to be trusted: it keeps order, loses nobody, and leaves time alone while anybody works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.fake.leaping_clock import LeapingClock

_HOUR_S = 3600.0


def _run(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
        assert not thread.is_alive()


def test_an_hour_alone_takes_no_time() -> None:
    """Nobody else is waited for, and no time passes unasked."""
    clock, began_s = LeapingClock(), time.monotonic()
    for _ in range(100):
        clock.sleep_s(_HOUR_S)
    clock.sleep_s(0.0)
    clock.sleep_s(-1.0)
    assert clock.now_s() == clock.now_s() == 100 * _HOUR_S
    assert time.monotonic() - began_s < 5.0


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Each at exactly its time, though their starter is waiting for them and not for the clock."""
    clock, woken = LeapingClock(), list[tuple[float, float]]()
    clock.now_s()
    start = threading.Barrier(5)

    def sleeper(seconds: float) -> None:
        clock.now_s()
        start.wait()
        clock.sleep_s(seconds)
        woken.append((seconds, clock.now_s()))

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(sleeper, (5.0, 3.0, 1.0, 4.0, 2.0)))
    assert woken == [(float(n), float(n)) for n in (1, 2, 3, 4, 5)]


def test_no_time_passes_while_somebody_works() -> None:
    """However long the other has been waiting by the machine's own clock."""
    clock, seen = LeapingClock(), list[float]()
    working, waiting = threading.Event(), threading.Event()

    def work() -> None:
        clock.now_s()
        working.set()
        while not waiting.is_set():
            pass
        ends_s = time.thread_time() + 0.1
        while time.thread_time() < ends_s:
            pass
        seen.append(clock.now_s())

    def wait() -> None:
        working.wait(10.0)
        waiting.set()
        clock.sleep_s(_HOUR_S)
        seen.append(clock.now_s())

    _run(work, wait)
    assert seen == [0.0, _HOUR_S]
