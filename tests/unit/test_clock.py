"""The stepped clock: it leaps from waking to waking, in order, whoever sleeps."""

from __future__ import annotations

import threading
import time

from sim.clock import SteppedClock


def test_an_hour_passes_at_once_and_sleepers_wake_in_order() -> None:
    """Two threads that sleep by turns for an hour see each other's steps in the order of their times."""
    clock, seen, began_s = SteppedClock(), [], time.monotonic()

    def walk(step_s: float) -> None:
        for _ in range(round(3600 / step_s)):
            clock.sleep_s(step_s)
            seen.append((clock.now_s(), step_s))

    threads = [threading.Thread(target=walk, args=(step_s,)) for step_s in (360.0, 450.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [t for t, _ in seen] == sorted(t for t, _ in seen)
    assert clock.now_s() == 3600
    assert len(seen) == 18
    assert time.monotonic() - began_s < 2


def test_time_stands_still_while_somebody_works() -> None:
    """Work takes no time; a sleep of nothing takes none either."""
    clock = SteppedClock()
    clock.sleep_s(0.0)
    sum(range(100_000))
    assert clock.now_s() == 0.0
