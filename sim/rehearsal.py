"""Playing scenarios on a running platform. They write history; what goes wrong in the rig is written there, too."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sim.clock import Clock
from sim.errors import SimError
from sim.fresh import Reset
from sim.history import History, Observation, Outcome
from sim.judging import INTERRUPTED, RIG_FAULT
from sim.plan.model import Plan
from sim.scenario import Control, Scenario, Stage
from sim.servers.protocol import Servers
from sim.topology.model import Topology
from sim.topology.names import deployment_names

RESET = "reset"
"""The name, and the operation, under which a history tells what was done between two scenarios."""


class Platform(Protocol):
    """A stack one can rehearse on: real servers in containers, or the fake."""

    @property
    def plan(self) -> Plan: ...
    @property
    def servers(self) -> Servers: ...
    @property
    def control(self) -> Control: ...
    def reset(self) -> Reset:
        """Make it what it was when it had just come up. Raises SimError when that could not be tried at all."""
        ...


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One run's playing conditions. ``seed`` alone decides every random choice of every scenario.

    ``resets``: what one scenario left behind is taken away before the next. Off where the platform is somebody's own.
    """

    topology: Topology
    platform: Platform
    clock: Clock
    seed: int
    history: History
    origin_s: float
    resets: bool = False

    def play(self, scenarios: Sequence[Scenario], announce: Callable[[Scenario, int, int], None]) -> None:
        """Each scenario in turn. A scenario that breaks is its own history's end, not the run's."""
        marked_by = ""
        try:
            for number, scenario in enumerate(scenarios, start=1):
                announce(scenario, number, len(scenarios))
                if not marked_by or self.freshen(marked_by, scenario):
                    marked_by = self.left_by(scenario, whole=self.play_one(scenario))
        finally:
            self.platform.control.release()

    def left_by(self, scenario: Scenario, *, whole: bool) -> str:
        """Its name where it left something to take away before the next one, else empty."""
        return scenario.name if self.resets and (scenario.leaves_a_mark or not whole) else ""

    def freshen(self, marked_by: str, scenario: Scenario) -> bool:
        """Take away what one left, before the next. Where that fails it is the next one's rig fault, and False.

        Nothing is judged on a stack that is neither used nor fresh.
        """
        problem = self._reset(marked_by)
        if problem:
            self._stage(scenario).record(RIG_FAULT, "", Outcome.FAILED, message=problem)
        return not problem

    def _reset(self, marked_by: str) -> str:
        """Why the platform is not known to be fresh; empty when it is. Written down under a name of its own."""
        now_s = self.clock.now_s
        began_s = now_s() - self.origin_s
        try:
            done = self.platform.reset()
        except SimError as error:
            problem = f"the stack could not be reset after {marked_by}: {error}"
            self._note(began_s, "", Outcome.UNSURE, message=problem)
            return problem
        for part in done.parts:
            outcome = Outcome.FAILED if part.left else Outcome.OK
            detail = {"removed": part.removed, "returned": part.returned, "left": list(part.left[:5])}
            self._note(
                now_s() - self.origin_s, part.part, outcome, kind=part.kind, found=list(part.found[:20]), **detail
            )
        self._note(
            now_s() - self.origin_s,
            "",
            Outcome.FAILED if done.problem else Outcome.OK,
            after=marked_by,
            took_s=round(done.took_s, 4),
            canaries=done.canaries,
            unseen=list(done.unseen),
        )
        return f"the stack was not fresh after {marked_by}: {done.problem}" if done.problem else ""

    def _note(self, t_s: float, target: str, outcome: Outcome, **detail: Any) -> None:
        self.history.append(Observation(t_s, RESET, "rig", RESET, target, outcome, detail))

    def _stage(self, scenario: Scenario) -> Stage:
        return Stage(
            scenario=scenario.name,
            topology=self.topology,
            plan=self.platform.plan,
            servers=self.platform.servers,
            control=self.platform.control,
            clock=self.clock,
            # Its own stream by name: adding a scenario changes no other's choices.
            rng=random.Random(f"{self.seed}/{scenario.name}"),  # noqa: S311 - reproducible, not secret
            history=self.history,
            origin_s=self.origin_s,
            parameters=scenario.parameters,
        )

    def play_one(self, scenario: Scenario) -> bool:
        """False when the rig failed on the way, so that the platform may not be as it was.

        An interruption is written down before it is raised.
        """
        plan = self.platform.plan
        stage = self._stage(scenario)
        absent: list[str] = [kind for kind in scenario.needs if not plan.of_kind(kind)]
        if scenario.all_services:
            up = {server.app for server in plan.servers}
            absent += [name for name in deployment_names(self.topology) if name not in up]
        if absent:
            stage.record(RIG_FAULT, "", Outcome.FAILED, message=f"this stack has no {', '.join(absent)}")
            return True
        try:
            scenario.rehearse(stage)
        except KeyboardInterrupt:
            # What was seen so far is judged all the same; cut short, it must not pass for the whole.
            stage.record(RIG_FAULT, "", Outcome.FAILED, message=INTERRUPTED)
            raise
        except SimError as error:
            stage.record(RIG_FAULT, "", Outcome.FAILED, message=str(error))
            return False
        except Exception as error:  # noqa: BLE001 - a scenario's own mistake must not end the run, nor look like a pass
            stage.record(RIG_FAULT, "", Outcome.FAILED, message=f"{type(error).__name__}: {error}")
            return False
        return True
