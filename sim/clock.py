"""Time, passed in: the wall for real runs, a fast one for rehearsals without containers."""

from __future__ import annotations

import time
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
