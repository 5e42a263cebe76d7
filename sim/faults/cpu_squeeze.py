"""CPU squeeze: the server keeps running on a sliver of a core, as beside a greedy neighbour or under a low limit."""

from __future__ import annotations

from dataclasses import dataclass

from sim.faults.fault import InForce, Sight, Step, in_force, mending
from sim.remedy import Remedy
from sim.scenario import Control, Stage


@dataclass(frozen=True, slots=True)
class CpuSqueeze:
    """To ``cores``; healed to what it had. The healing's record says how often the kernel held the server back."""

    target: str
    cores: float = 0.05
    name: str = "CPU squeeze"

    def inject(self, stage: Stage) -> InForce:
        before = stage.control.state(self.target).cpu_limit_cores
        throttled: list[int] = []
        remedies = (Remedy("limit", self.target, cpu_cores=before),)

        def squeeze(control: Control) -> None:
            throttled.append(control.usage(self.target).throttled_periods)
            control.limit(self.target, cpu_cores=self.cores)

        def squeezed(control: Control) -> Sight:
            now = control.state(self.target).cpu_limit_cores
            return Sight(now == self.cores, f"limited to {now:g} cores, before that {_told(before)}")

        def released(control: Control) -> Sight:
            now = control.state(self.target).cpu_limit_cores
            held = control.usage(self.target).throttled_periods - (throttled[0] if throttled else 0)
            return Sight(
                now == before if before else now != self.cores,
                f"limited to {now:g} cores again; held back in {held} periods meanwhile",
                {"throttled_periods": held},
            )

        return in_force(stage, self.name, self.target, Step(squeeze, squeezed), mending(remedies, released), remedies)


def _told(cores: float) -> str:
    return f"{cores:g}" if cores else "unlimited"
