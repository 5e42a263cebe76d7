"""Memory squeeze: the limit comes down to what the server holds and little more; its next growth may be its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.faults.coming_back import serving
from sim.faults.fault import InForce, Sight, Step, in_force
from sim.remedy import Remedy, apply_all
from sim.scenario import Control, Stage

_LEAST_BYTES = 8 * 2**20
"""Engines refuse limits under 6 MiB."""


@dataclass(frozen=True, slots=True)
class MemorySqueeze:
    """To ``share`` of what it holds; healed to what it had. One that the kernel kills meanwhile is started again.

    A share below 1 takes page cache first; where the kernel can free no more it refuses, and the fault has no effect.
    """

    target: str
    ready: Callable[[], bool]
    share: float = 1.05
    ready_deadline_s: float = 90.0
    name: str = "memory squeeze"

    def inject(self, stage: Stage) -> InForce:
        before = stage.control.state(self.target).memory_limit_bytes
        wanted: list[int] = []
        remedies = (Remedy("limit", self.target, memory_bytes=before), Remedy("start", self.target))

        def squeeze(control: Control) -> None:
            held = control.usage(self.target).memory_bytes
            wanted[:] = [max(_LEAST_BYTES, round(held * self.share)), held]
            control.limit(self.target, memory_bytes=wanted[0])

        def squeezed(control: Control) -> Sight:
            state = control.state(self.target)
            return Sight(
                bool(wanted) and state.memory_limit_bytes == wanted[0],
                f"limited to {state.memory_limit_bytes} bytes where it held {wanted[1] if wanted else '?'}, "
                f"before that {before or 'unlimited'}; container {state.state}",
                {"limit_bytes": state.memory_limit_bytes},
            )

        def released(control: Control) -> Sight:
            state = control.state(self.target)
            back = state.memory_limit_bytes == before if before else state.memory_limit_bytes not in wanted[:1]
            seen = serving(control, self.target, self.ready)
            killed = ", killed for want of memory meanwhile" if state.oom_killed else ""
            return Sight(
                back and seen.seen,
                f"limited to {state.memory_limit_bytes} bytes again, {seen.evidence}{killed}",
                {"oom_killed": state.oom_killed},
            )

        return in_force(
            stage,
            self.name,
            self.target,
            Step(squeeze, squeezed),
            Step(lambda control: apply_all(remedies, control), released, self.ready_deadline_s),
            remedies,
        )
