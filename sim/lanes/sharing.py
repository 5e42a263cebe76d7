"""Dealing scenarios out: each lane takes the next one when it is done with its last."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from sim.scenario import Scenario


class Condition(Enum):
    """What a scenario left behind: a lane that can go on, one with servers missing, no lane, or a run cut short."""

    WHOLE = "whole"
    BROKEN = "broken"
    GONE = "gone"
    INTERRUPTED = "interrupted"


class Player(Protocol):
    """A lane, as far as dealing is concerned."""

    def play(self, scenario: Scenario, origin_s: float) -> Condition: ...


P = TypeVar("P", bound=Player)
Announce = Callable[[Scenario, P], None]
Retire = Callable[[P, Condition], None]


def in_order(scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """As a run in a row has them, group after group; within a group those known to be long first, so none ends late."""
    return tuple(
        scenario
        for _, members in groupby(scenarios, key=lambda scenario: scenario.group)
        for scenario in sorted(members, key=lambda scenario: -_expected_s(scenario))
    )


def _expected_s(scenario: Scenario) -> float:
    return max(scenario.lasts_s, 60.0 * scenario.parameters.get("minutes", 0.0))


@dataclass(slots=True)
class Deal(Generic[P]):
    """One dealing-out. ``announce`` is told before a scenario begins, ``retire`` of a player that gets no more.

    A player whose platform is broken would go through the rest quickly and show nothing: it retires while another is
    left that is whole. The last one goes on, as a run in a row would.
    """

    origin_s: float
    announce: Callable[[Scenario, P], None]
    retire: Callable[[P, Condition], None]
    stopped: Callable[[], bool]
    _left: deque[Scenario] = field(default_factory=deque)
    _active: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def out(self, scenarios: Sequence[Scenario], players: Sequence[P]) -> tuple[tuple[P, ...], tuple[Scenario, ...]]:
        """Until all are played, or nobody is left to. Returns who is still in, and what nobody began."""
        self._left = deque(scenarios)
        self._active = len(players)
        with ThreadPoolExecutor(max(1, len(players)), thread_name_prefix="lane") as pool:
            stayed = list(pool.map(self._play_on, players))
        return tuple(p for p, stays in zip(players, stayed, strict=True) if stays), tuple(self._left)

    def _play_on(self, player: P) -> bool:
        """Until there is nothing left for it. False when it retired."""
        while (scenario := self._next(player)) is not None:
            condition = player.play(scenario, self.origin_s)
            if condition is Condition.INTERRUPTED:
                return True
            if self._retires(condition):
                self.retire(player, condition)
                return False
        return True

    def _next(self, player: P) -> Scenario | None:
        with self._lock:
            if not self._left or self.stopped():
                return None
            scenario = self._left.popleft()
            self.announce(scenario, player)
            return scenario

    def _retires(self, condition: Condition) -> bool:
        with self._lock:
            if condition is Condition.GONE or (condition is Condition.BROKEN and self._active > 1):
                self._active -= 1
                return True
            return False
