"""Started anew under other limits: what it would be like in an environment that gives it so much and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.faults.coming_back import serving
from sim.faults.fault import InForce, Sight, Step, in_force
from sim.remedy import Remedy, apply_all
from sim.scenario import Control, Stage

_STOP_DEADLINE_S = 40.0


@dataclass(frozen=True, slots=True)
class Limited:
    """``memory_bytes`` and ``cpu_cores`` from its start on, as a pod's; healed to what it had, started if it died."""

    target: str
    memory_bytes: int
    cpu_cores: float
    ready: Callable[[], bool]
    ready_deadline_s: float = 120.0
    name: str = "limits"

    def inject(self, stage: Stage) -> InForce:
        before = stage.control.state(self.target)
        remedies = (
            Remedy("limit", self.target, memory_bytes=before.memory_limit_bytes, cpu_cores=before.cpu_limit_cores),
            Remedy("start", self.target),
        )

        def limit(control: Control) -> None:
            control.stop(self.target)
            control.limit(self.target, memory_bytes=self.memory_bytes, cpu_cores=self.cpu_cores)
            control.start(self.target)

        def limited(control: Control) -> Sight:
            """What became of it under them is not the fault's to say."""
            now = control.state(self.target)
            seen = now.memory_limit_bytes == self.memory_bytes and now.cpu_limit_cores == self.cpu_cores
            return Sight(seen, f"{now.memory_limit_bytes >> 20} MiB and {now.cpu_limit_cores:g} cores, {now.state}")

        return in_force(
            stage,
            self.name,
            self.target,
            Step(limit, limited, _STOP_DEADLINE_S),
            Step(
                lambda control: apply_all(remedies, control),
                lambda control: serving(control, self.target, self.ready),
                self.ready_deadline_s,
            ),
            remedies,
        )
