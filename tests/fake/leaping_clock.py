"""Time for rehearsals of several threads: it stands still while anybody works and leaps while everybody waits."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

_LOOK_EVERY_S = 0.001
_IDLE_CPU_S = 0.0002
_TASKS = Path("/proc/self/task")


@dataclass(order=True, slots=True)
class _Sleeper:
    due_s: float
    number: int
    thread: threading.Thread = field(compare=False)
    woken: threading.Event = field(compare=False, default_factory=threading.Event)


class LeapingClock:
    """A Clock. Who goes to sleep last takes everybody to the earliest time somebody waits for.

    Threads known here that neither sleep nor have ended may work, or wait for one another (a lock, a join, a pool's
    next task): the kernel tells which. While one of them runs, or has run a moment ago, no time passes, so that a
    loaded machine makes no deadline pass that would not have passed on an idle one.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._lock = threading.Lock()
        self._asleep: list[_Sleeper] = []
        self._awake: set[threading.Thread] = set()
        self._numbers = itertools.count()
        self._looking = False

    def now_s(self) -> float:
        with self._lock:
            self._awake.add(threading.current_thread())
            return self._now_s

    def sleep_s(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with self._lock:
            sleeper = _Sleeper(self._now_s + seconds, next(self._numbers), threading.current_thread())
            heapq.heappush(self._asleep, sleeper)
            self._awake.discard(sleeper.thread)
            self._awake = {thread for thread in self._awake if thread.is_alive()}
            if not self._awake:
                self._leap()
            elif not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="clock", daemon=True).start()
        sleeper.woken.wait()

    def _leap(self) -> None:
        """To the earliest time, waking whoever waits for it."""
        self._now_s = self._asleep[0].due_s
        while self._asleep and self._asleep[0].due_s <= self._now_s:
            sleeper = heapq.heappop(self._asleep)
            self._awake.add(sleeper.thread)
            sleeper.woken.set()

    def _look(self) -> None:
        """As long as somebody sleeps, see whether anybody is still at work."""
        while True:
            before_s = _others_cpu_s()
            time.sleep(_LOOK_EVERY_S)
            with self._lock:
                if not self._asleep:
                    self._looking = False
                    return
                if _others_cpu_s() - before_s < _IDLE_CPU_S and not any(map(_runs, self._awake)):
                    self._leap()


def _others_cpu_s() -> float:
    return time.process_time() - time.thread_time()


def _runs(thread: threading.Thread) -> bool:
    """Running, or ready to and waiting for a core."""
    try:
        stat = (_TASKS / str(thread.native_id) / "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "R"
