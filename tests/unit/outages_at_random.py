"""Loads as the drills pace them, in simulated time, on a service that is away from one known instant to another."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sim.history import Observation, Outcome
from sim.load.pacing import Beats, Progress
from tests.unit.drill_histories import seen

ENDS_S = 9.0
REDIAL_S = 0.01


@dataclass
class Hand:
    """A clock that stands where it is put."""

    at_s: float = 0.0

    def now_s(self) -> float:
        return self.at_s

    def sleep_s(self, seconds: float) -> None:
        self.at_s += seconds


@dataclass(frozen=True)
class Away:
    """While away it ``hangs``, and what was asked is answered when it is back; or it refuses."""

    from_s: float
    to_s: float
    hangs: bool


@dataclass(frozen=True)
class Service:
    """Takes about ``usual_s`` to answer, twice that at most; ``stalls`` are (at, for how long) it stood still."""

    away: Away
    usual_s: float
    rng: random.Random
    stalls: tuple[tuple[float, float], ...] = ()

    def answer(self, at_s: float) -> tuple[float, bool]:
        """When its answer to what was asked ``at_s`` is there, and whether it is a good one."""
        took_s = self.usual_s * self.rng.uniform(0.6, 1.4)
        begun_s = at_s
        for stall_s, for_s in self.stalls:
            if stall_s <= begun_s < stall_s + for_s:
                begun_s = stall_s + for_s
        # The answer to what was in hand when it went comes when it is back, or not at all.
        if begun_s + took_s <= self.away.from_s or begun_s >= self.away.to_s:
            return begun_s + took_s, True
        if self.away.hangs:
            return max(self.away.to_s, begun_s) + took_s, True
        return max(begun_s + 0.0005, self.away.from_s), False


Load = Callable[[Service], list[Observation]]


def _seen(op: str, due_s: float, sent_s: float, done_s: float, good: bool) -> Observation:
    outcome = Outcome.OK if good else Outcome.UNSURE
    return seen(done_s, op, outcome=outcome, id=f"{sent_s}", intended_s=due_s, latency_s=done_s - sent_s)


def askers(op: str, rate_per_s: float, many: int, *, asleep: tuple[float, float] = (0.0, 0.0)) -> Load:
    """``many`` share one beat, as probers do. While ``asleep`` nobody of the rig is given the processor."""

    def load(service: Service) -> list[Observation]:
        hand = Hand()
        beats = Beats(hand, rate_per_s, Progress(0.0))
        free = [0.0] * many
        failed: list[float] = []
        found: list[Observation] = []
        while hand.at_s < ENDS_S:
            while failed and failed[0] <= hand.at_s:
                now_s, hand.at_s = hand.at_s, heapq.heappop(failed)
                beats.retry()
                hand.at_s = now_s
            due_s = beats.due() if free[0] <= hand.at_s else None
            if due_s is None:
                soonest_s = max(free[0], hand.at_s + max(beats.wait_s(), 0.0))
                hand.at_s = min([soonest_s, *failed[:1]])
                hand.at_s = _awake(hand.at_s, asleep)
                continue
            sent_s = hand.at_s
            done_s, good = service.answer(sent_s)
            done_s = _awake(done_s, asleep)
            heapq.heapreplace(free, done_s)
            if not good:
                heapq.heappush(failed, done_s)
            found.append(_seen(op, due_s, sent_s, done_s, good))
        return found

    return load


def writers(op: str, rate_per_s: float, many: int, *, asleep: tuple[float, float] = (0.0, 0.0)) -> Load:
    """``many``, each with beats of its own, one after the other."""

    def load(service: Service) -> list[Observation]:
        return [o for writer in range(many) for o in write(service, writer)]

    def write(service: Service, writer: int) -> Iterator[Observation]:
        hand = Hand()
        beats = Beats(hand, rate_per_s / many, Progress(0.0), writer / rate_per_s)
        while hand.at_s < ENDS_S:
            due_s = beats.due()
            if due_s is None:
                hand.at_s = _awake(hand.at_s + beats.wait_s(), asleep)
                continue
            sent_s = hand.at_s
            done_s, good = service.answer(sent_s)
            hand.at_s = _awake(done_s, asleep)
            yield _seen(op, due_s, sent_s, hand.at_s, good)
            if not good:
                beats.retry()

    return load


def pipeline(op: str, rate_per_s: float) -> Load:
    """Sent when due, however many are on their way; without a connection one waits until somebody lets it in."""

    def load(service: Service) -> list[Observation]:
        found: list[Observation] = []
        free_s = 0.0
        for number in itertools.count():
            due_s = number / rate_per_s
            if max(due_s, free_s) >= ENDS_S:
                return found
            if due_s < free_s - 1.0:
                continue  # a beat that was let go
            sent_s = max(due_s, free_s)
            done_s, good = service.answer(sent_s)
            if not good and done_s > sent_s + 0.001:
                found.append(_seen(op, due_s, sent_s, done_s, good=False))  # it was on its way
                continue
            at_s = sent_s
            while not good:
                at_s += REDIAL_S
                done_s, good = service.answer(at_s)
            free_s = at_s
            found.append(_seen(op, due_s, sent_s, done_s, good))
        raise AssertionError

    return load


def _awake(at_s: float, asleep: tuple[float, float]) -> float:
    return asleep[1] if asleep[0] <= at_s < asleep[1] else at_s
