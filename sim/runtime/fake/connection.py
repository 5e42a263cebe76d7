"""A client's connection to one live node at a time, gone when that node is."""

from __future__ import annotations

import random

from sim.runtime.fake.queues import FakeBroker

_RECONNECT_S = 0.02


class FakeConnection:
    def __init__(self, broker: FakeBroker, rng: random.Random) -> None:
        self._broker = broker
        self._rng = rng
        self._starts = 0
        self.node: str | None = None

    @property
    def is_open(self) -> bool:
        processes = self._broker.processes
        return self.node is not None and processes.answers(self.node) and processes[self.node].starts == self._starts

    def open(self, deadline_s: float) -> bool:
        """Whether it is open, by another node if need be, before the deadline."""
        clock = self._broker.processes.clock
        while not self.is_open:
            alive = self._broker.alive()
            if alive:
                self.node = self._rng.choice(alive)
                self._starts = self._broker.processes[self.node].starts
            elif clock.now_s() >= deadline_s:
                return False
            clock.sleep_s(_RECONNECT_S)
        return True

    def close(self) -> None:
        self.node = None
