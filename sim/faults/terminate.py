"""SIGTERM: the server is asked to end, may finish what it has in hand, and is killed when its grace is over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sim.errors import SimError
from sim.faults.fault import Sight, Step, in_force
from sim.scenario import Control, Stage


@dataclass(frozen=True, slots=True)
class Terminate:
    """``ready`` asks the server, by its protocol, whether it serves again; healing starts it and waits for that."""

    target: str
    ready: Callable[[], bool]
    ready_deadline_s: float = 90.0
    name: str = "SIGTERM"

    def inject(self, stage: Stage) -> AbstractContextManager[bool]:
        return in_force(
            stage,
            self.name,
            self.target,
            Step(self._stop, self._gone),
            Step(self._start, self._back, self.ready_deadline_s),
        )

    def _stop(self, control: Control) -> None:
        control.stop(self.target)

    def _gone(self, control: Control) -> Sight:
        state = control.state(self.target)
        return Sight(state.state == "exited", f"container {state.state}, exit code {state.exit_code}")

    def _start(self, control: Control) -> None:
        if control.state(self.target).state != "running":
            control.start(self.target)

    def _back(self, control: Control) -> Sight:
        state = control.state(self.target).state
        if state != "running":
            return Sight(seen=False, evidence=f"container {state}")
        try:
            ready = self.ready()
        except SimError as error:
            return Sight(seen=False, evidence=f"container running, {error.what}")
        return Sight(ready, "container running, serving" if ready else "container running, not serving yet")
