"""``kill -9``: the server's process ends at once; its sockets are closed by the kernel, its disk is left as it was.

It is not a power cut: what the process had written and not yet synced survives in the kernel's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.faults.coming_back import exited, started
from sim.faults.fault import InForce, Step, in_force
from sim.remedy import Remedy
from sim.scenario import Stage

_EXIT_OF_SIGKILL = 137


@dataclass(frozen=True, slots=True)
class Kill:
    """``ready`` asks the server, by its protocol, whether it serves again; healing starts it and waits for that."""

    target: str
    ready: Callable[[], bool]
    ready_deadline_s: float = 90.0
    name: str = "kill -9"

    def inject(self, stage: Stage) -> InForce:
        return in_force(
            stage,
            self.name,
            self.target,
            Step(
                lambda control: control.kill(self.target, "SIGKILL"),
                lambda control: exited(control, self.target, _EXIT_OF_SIGKILL),
            ),
            started(self.target, self.ready, self.ready_deadline_s),
            (Remedy("start", self.target),),
        )
