"""Rolling restart and rolling image change: one server after another, the next only when the last one serves again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sim.errors import RigError, SimError
from sim.faults.coming_back import all_serving, serving
from sim.faults.fault import InForce, Sight, Step, in_force
from sim.history import Outcome
from sim.remedy import Remedy, apply_all
from sim.scenario import Control, Stage

ROLLED = "rolled"
"""One server: OK when it served again. ``gate_s`` it was waited for before, ``down_s`` it was away."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Rolling:
    """``servers`` in that order, all before the block begins. ``ready`` asks one whether it serves.

    ``may_stop`` is the gate: only when it says yes is that server stopped (RabbitMQ's
    ``check_if_node_is_quorum_critical``). With ``change_image`` each goes to an image of the same content and another
    digest, and back to the plan's when healed.
    """

    servers: tuple[str, ...]
    ready: Callable[[str], bool]
    may_stop: Callable[[str], bool] = lambda _: True
    change_image: bool = False
    deadline_s: float = 90.0
    name: str = "rolling restart"
    _before: dict[str, tuple[str, str]] = field(default_factory=dict, compare=False)

    @property
    def target(self) -> str:
        return ",".join(self.servers)

    def inject(self, stage: Stage) -> InForce:
        verb = "image" if self.change_image else "start"
        remedies = [Remedy(verb, server) for server in self.servers]  # type: ignore[arg-type]
        return in_force(
            stage,
            self.name,
            self.target,
            Step(lambda control: self._roll(stage, control), self._rolled),
            Step(lambda control: self._back(stage, control), self._restored, self.deadline_s),
            remedies,
        )

    def _roll(self, stage: Stage, control: Control) -> None:
        for server in self.servers:
            state = control.state(server)
            self._before[server] = (state.started_at, state.image_digest)
        for server in self.servers:
            began_s = stage.clock.now_s()
            self._until(stage, partial(self.may_stop, server), f"{server} may be stopped")
            down_s = stage.clock.now_s()
            if self.change_image:
                variant = control.variant(server)
                control.stop(server)
                control.replace(server, variant)
            else:
                control.stop(server)
                control.start(server)
            self._until(stage, partial(self._serves, control, server), f"{server} serves again")
            stage.record_at(
                down_s,
                ROLLED,
                server,
                Outcome.OK,
                actor="fault",
                gate_s=round(down_s - began_s, 3),
                down_s=round(stage.clock.now_s() - down_s, 3),
            )

    def _until(self, stage: Stage, condition: Callable[[], bool], what: str) -> None:
        ends_s = stage.clock.now_s() + self.deadline_s
        while stage.clock.now_s() < ends_s:
            try:
                if condition():
                    return
            except SimError:
                pass  # not yet: a server on its way cannot be asked
            stage.clock.sleep_s(_POLL_S)
        raise RigError(f"{what}: not so within {self.deadline_s:g} s.")

    def _rolled(self, control: Control) -> Sight:
        fresh = [server for server in self.servers if self._is_new(control, server)]
        kind = "on another image" if self.change_image else "started anew"
        return Sight(len(fresh) == len(self.servers), f"{len(fresh)} of {len(self.servers)} {kind}")

    def _is_new(self, control: Control, server: str) -> bool:
        state, before = control.state(server), self._before.get(server)
        if before is None or state.state != "running":
            return False
        return state.image_digest != before[1] if self.change_image else state.started_at != before[0]

    def _back(self, stage: Stage, control: Control) -> None:
        for server in self.servers:
            if not self.change_image:
                apply_all((Remedy("start", server),), control)
            elif control.state(server).image_digest != self._before.get(server, ("", ""))[1]:
                apply_all((Remedy("image", server),), control)
                self._until(stage, partial(self._serves, control, server), f"{server} serves again")

    def _restored(self, control: Control) -> Sight:
        return all_serving(control, self.servers, self.ready)

    def _serves(self, control: Control, server: str) -> bool:
        return serving(control, server, partial(self.ready, server)).seen
