"""Zone loss: every pod of one zone dies at once, as when its power goes. Nothing of it is moved elsewhere meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sim.faults.kill import Kill
from sim.faults.together import AllInForce, Together
from sim.scenario import Stage


@dataclass(frozen=True, slots=True)
class ZoneLoss:
    """``servers`` are the pods of ``zone`` (:mod:`sim.plan.zones`); ``ready`` asks one of them if it serves again."""

    zone: str
    servers: tuple[str, ...]
    ready: Callable[[str], bool]
    ready_deadline_s: float = 120.0
    name: str = "zone loss"

    @property
    def target(self) -> str:
        return ",".join(self.servers)

    def inject(self, stage: Stage) -> AllInForce:
        kills = tuple(
            Kill(server, partial(self.ready, server), self.ready_deadline_s, name=f"{self.name} ({self.zone})")
            for server in self.servers
        )
        return Together(kills, self.name).inject(stage)
