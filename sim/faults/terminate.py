"""SIGTERM: the server is asked to end, may finish what it has in hand, and is killed when its grace is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.faults.coming_back import exited, started
from sim.faults.fault import InForce, Step, in_force
from sim.remedy import Remedy
from sim.scenario import Stage


@dataclass(frozen=True, slots=True)
class Terminate:
    """``ready`` asks the server, by its protocol, whether it serves again; healing starts it and waits for that."""

    target: str
    ready: Callable[[], bool]
    ready_deadline_s: float = 90.0
    name: str = "SIGTERM"

    def inject(self, stage: Stage) -> InForce:
        return in_force(
            stage,
            self.name,
            self.target,
            Step(lambda control: control.stop(self.target), lambda control: exited(control, self.target)),
            started(self.target, self.ready, self.ready_deadline_s),
            (Remedy("start", self.target),),
        )
