"""Pause: the server's processes are frozen, its sockets stay open and say nothing. Neither dead nor cut off."""

from __future__ import annotations

from dataclasses import dataclass

from sim.faults.fault import InForce, Sight, Step, in_force, mending
from sim.remedy import Remedy
from sim.scenario import Control, Stage


@dataclass(frozen=True, slots=True)
class Pause:
    """How long it lasts is up to the ``with`` block."""

    target: str
    name: str = "pause"

    def inject(self, stage: Stage) -> InForce:
        remedies = (Remedy("unpause", self.target),)
        return in_force(
            stage,
            self.name,
            self.target,
            Step(lambda control: control.pause(self.target), lambda control: self._is(control, "paused")),
            mending(remedies, lambda control: self._is(control, "running"), deadline_s=5.0),
            remedies,
        )

    def _is(self, control: Control, wanted: str) -> Sight:
        state = control.state(self.target).state
        return Sight(state == wanted, f"container {state}")
