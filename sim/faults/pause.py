"""Pause: the server's processes are frozen, its sockets stay open and say nothing. Neither dead nor cut off."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from sim.faults.fault import Sight, Step, in_force
from sim.scenario import Control, Stage


@dataclass(frozen=True, slots=True)
class Pause:
    """How long it lasts is up to the ``with`` block."""

    target: str
    name: str = "pause"

    def inject(self, stage: Stage) -> AbstractContextManager[bool]:
        return in_force(
            stage, self.name, self.target, Step(self._pause, self._frozen), Step(self._unpause, self._running)
        )

    def _pause(self, control: Control) -> None:
        control.pause(self.target)

    def _frozen(self, control: Control) -> Sight:
        state = control.state(self.target).state
        return Sight(state == "paused", f"container {state}")

    def _unpause(self, control: Control) -> None:
        if control.state(self.target).state == "paused":
            control.unpause(self.target)

    def _running(self, control: Control) -> Sight:
        state = control.state(self.target).state
        return Sight(state == "running", f"container {state}")
