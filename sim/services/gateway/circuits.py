"""A circuit a service: after so many failures in a row it is not asked for a while, then asked once to see.

A failure is a request nobody answered in time or nobody was there to take, or the service's own 503 or 504. Any other
answer, of whatever status, shows that it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """The value is that of the metric ``gateway_circuit_state``."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """``failures`` in a row, none longer than ``window_s`` ago, open a circuit for ``open_s``.

    Each probe that fails doubles that, up to ``longest_open_s``: one request in so long may have to wait for its answer
    in vain, and a service that is back stays unasked for no longer.
    """

    failures: int = 5
    window_s: float = 30.0
    open_s: float = 1.0
    longest_open_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to ask once; given back with its outcome."""

    generation: int
    probe: bool


class Circuit:
    """``now_s`` is monotonic. ``changed`` hears of every change of state."""

    def __init__(self, policy: CircuitPolicy, now_s: Callable[[], float], changed: Callable[[State], None]) -> None:
        self._policy = policy
        self._now_s = now_s
        self._changed = changed
        self._state = State.CLOSED
        self._failures = 0
        self._first_failure_at_s = 0.0
        self._opened_at_s = 0.0
        self._open_s = policy.open_s
        self._probing = False
        self._generation = 0

    @property
    def state(self) -> State:
        return self._state

    def ask(self) -> Pass | None:
        """None while it is open, or half-open with its probe under way."""
        if self._state is State.CLOSED:
            return Pass(self._generation, probe=False)
        if self._state is State.OPEN and self._now_s() - self._opened_at_s >= self._open_s:
            self._become(State.HALF_OPEN)
        if self._state is State.HALF_OPEN and not self._probing:
            self._probing = True
            return Pass(self._generation, probe=True)
        return None

    def retry_after_s(self) -> float:
        """Of an open circuit: when the next probe is due."""
        return max(0.0, self._opened_at_s + self._open_s - self._now_s())

    def succeeded(self, leave: Pass) -> None:
        if leave.generation != self._generation:
            return
        self._failures = 0
        if leave.probe:
            self._probing = False
            self._open_s = self._policy.open_s
            self._become(State.CLOSED)

    def failed(self, leave: Pass) -> None:
        if leave.generation != self._generation:
            return
        now_s = self._now_s()
        if leave.probe:
            self._probing = False
            self._open_s = min(self._open_s * 2, self._policy.longest_open_s)
            self._open(now_s)
            return
        if self._failures == 0 or now_s - self._first_failure_at_s > self._policy.window_s:
            self._failures, self._first_failure_at_s = 0, now_s
        self._failures += 1
        if self._failures >= self._policy.failures:
            self._open(now_s)

    def abandoned(self, leave: Pass) -> None:
        """The client left, or our own link to the broker broke: that says nothing of the service."""
        if leave.generation == self._generation and leave.probe:
            self._probing = False

    def _open(self, now_s: float) -> None:
        self._opened_at_s = now_s
        self._failures = 0
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        # What was asked under an earlier state says nothing of this one.
        self._generation += 1
        self._state = state
        self._changed(state)
