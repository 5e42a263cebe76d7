"""Restart: ended by SIGTERM and started again at once, as an operator or a kubelet does it; back when it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sim.faults.coming_back import started
from sim.faults.fault import InForce, Sight, Step, in_force
from sim.remedy import Remedy
from sim.scenario import Control, Stage


@dataclass(frozen=True, slots=True)
class Restart:
    """In force from the restart until it serves again. ``ready`` asks the server by its protocol."""

    target: str
    ready: Callable[[], bool]
    ready_deadline_s: float = 90.0
    name: str = "restart"
    _began: list[str] = field(default_factory=list, compare=False)

    def inject(self, stage: Stage) -> InForce:
        return in_force(
            stage,
            self.name,
            self.target,
            Step(self._restart, self._anew),
            started(self.target, self.ready, self.ready_deadline_s),
            (Remedy("start", self.target),),
        )

    def _restart(self, control: Control) -> None:
        self._began[:] = [control.state(self.target).started_at]
        control.stop(self.target)
        control.start(self.target)

    def _anew(self, control: Control) -> Sight:
        state = control.state(self.target)
        return Sight(
            state.state == "running" and state.started_at != self._began[0],
            f"container {state.state}, started {state.started_at}, before that {self._began[0]}",
        )
