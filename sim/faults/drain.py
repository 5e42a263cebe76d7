"""Node drain: the pods of a node are evicted, each only as far as its disruption budget allows.

As the Eviction API has it (Kubernetes, "API-initiated Eviction"): an eviction that would leave fewer pods of an
application available than its PodDisruptionBudget asks for is refused, and the pod stays. One that is granted ends the
pod by SIGTERM; its replacement starts when the drain is healed, as on another node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sim.errors import SimError
from sim.faults.coming_back import all_serving
from sim.faults.fault import InForce, Sight, Step, in_force, mending
from sim.history import Outcome
from sim.remedy import Remedy
from sim.scenario import Control, Stage

EVICTION = "eviction"
"""One pod: OK evicted, FAILED refused by the budget. ``app``, ``available`` before it and ``least`` it must leave."""


@dataclass(frozen=True, slots=True)
class Drain:
    """``budgets``: application → pods that must stay available. ``ready`` asks one server whether it serves."""

    node: str
    servers: tuple[str, ...]
    budgets: Mapping[str, int]
    ready: Callable[[str], bool]
    ready_deadline_s: float = 120.0
    name: str = "drain"
    _evicted: list[str] = field(default_factory=list, compare=False)

    @property
    def target(self) -> str:
        return ",".join(self.servers)

    def inject(self, stage: Stage) -> InForce:
        remedies = [Remedy("start", server) for server in self.servers]
        return in_force(
            stage,
            f"{self.name} ({self.node})",
            self.target,
            Step(lambda control: self._evict_all(stage, control), self._drained, deadline_s=15.0),
            mending(remedies, self._back, self.ready_deadline_s),
            remedies,
        )

    def _evict_all(self, stage: Stage, control: Control) -> None:
        self._evicted.clear()
        for server in self.servers:
            app = stage.plan.server(server).app
            replicas = [spec.name for spec in stage.plan.servers if spec.app == app]
            available = sum(self._available(control, replica) for replica in replicas)
            least = self.budgets.get(app, 0)
            granted = app not in self.budgets or available - 1 >= least
            if granted:
                control.stop(server)
                self._evicted.append(server)
            stage.record(
                EVICTION,
                server,
                Outcome.OK if granted else Outcome.FAILED,
                actor="fault",
                app=app,
                available=available,
                least=least,
                budgeted=app in self.budgets,
            )

    def _available(self, control: Control, server: str) -> bool:
        try:
            return control.state(server).state == "running" and self.ready(server)
        except SimError:
            return False

    def _drained(self, control: Control) -> Sight:
        gone = [server for server in self._evicted if control.state(server).state == "exited"]
        kept = [server for server in self.servers if server not in self._evicted]
        told = f"{len(gone)} of {len(self.servers)} pods evicted" + (f", kept: {', '.join(kept)}" if kept else "")
        return Sight(bool(self.servers) and len(gone) == len(self._evicted), told, {"evicted": gone, "kept": kept})

    def _back(self, control: Control) -> Sight:
        return all_serving(control, self.servers, self.ready)
