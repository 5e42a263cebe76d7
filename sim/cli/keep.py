"""What ``--keep`` means."""

from __future__ import annotations

from dataclasses import dataclass

from sim.verdict import Status


@dataclass(frozen=True, slots=True)
class Keep:
    """When a run's own stack stays up."""

    policy: str

    def after(self, verdict: Status) -> bool:
        return self.policy == "always" or (self.policy == "on-failure" and verdict is not Status.PASS)
