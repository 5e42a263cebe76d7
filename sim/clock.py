"""Time, passed in: the wall for real runs, a fast one for rehearsals without containers, a stepped one for tests."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Seconds since an arbitrary origin, and a sleep in the same seconds."""

    def now_s(self) -> float: ...
    def sleep_s(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's monotonic clock."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep_s(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class ScaledClock:
    """Runs ``speed`` times faster than the wall, so that a minute's drill rehearses in seconds."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._origin_s = time.monotonic()

    def now_s(self) -> float:
        return (time.monotonic() - self._origin_s) * self._speed

    def sleep_s(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds / self._speed)


class SteppedClock:
    """Stands still while anybody works and leaps to the next waking when all threads sleep.

    A minute's drill takes as long as its work does, and a machine short of breath puts no gap into it. A thread that
    waits for another by other means than this clock does not sleep by it; when nothing moves for ``nudge_s`` of real
    time and no thread wants the processor the clock leaps all the same.
    """

    def __init__(self, nudge_s: float = 0.002) -> None:
        self._nudge_s = nudge_s
        self._lock = threading.Lock()
        self._now_s = 0.0
        self._leaps = 0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, threading.Lock]] = []

    def now_s(self) -> float:
        return self._now_s

    def sleep_s(self, seconds: float) -> None:
        if seconds <= 0:
            return
        gate = threading.Lock()
        gate.acquire()
        with self._lock:
            heapq.heappush(self._sleepers, (self._now_s + seconds, next(self._order), gate))
            if len(self._sleepers) >= threading.active_count():
                self._leap()
            leaps = self._leaps
        while not gate.acquire(timeout=self._nudge_s):
            with self._lock:
                if leaps == self._leaps and gate.locked() and not _somebody_works():
                    self._leap()
                leaps = self._leaps

    def _leap(self) -> None:
        """Wake who is due first; holding the lock."""
        if self._sleepers:
            self._now_s, _, gate = heapq.heappop(self._sleepers)
            self._leaps += 1
            gate.release()


def _somebody_works() -> bool:
    """Whether a thread of this process, other than who asks, runs or waits for a processor. Linux tells, others not."""
    own = threading.get_native_id()
    for stat in Path("/proc/self/task").glob("*/stat"):
        try:
            state = stat.read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state in {"R", "D"} and int(stat.parent.name) != own:
            return True
    return False
