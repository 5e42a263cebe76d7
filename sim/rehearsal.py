"""Playing scenarios on a running platform. They write history; what goes wrong in the rig is written there, too."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sim.clock import Clock
from sim.errors import SimError
from sim.history import History, Outcome
from sim.judging import RIG_FAULT
from sim.plan.model import Plan
from sim.scenario import Control, Scenario, Stage
from sim.servers.protocol import Servers
from sim.topology.model import Topology
from sim.topology.names import deployment_names


class Platform(Protocol):
    """A stack one can rehearse on: real servers in containers, or the fake."""

    @property
    def plan(self) -> Plan: ...
    @property
    def servers(self) -> Servers: ...
    @property
    def control(self) -> Control: ...


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One run's playing conditions. ``seed`` alone decides every random choice of every scenario."""

    topology: Topology
    platform: Platform
    clock: Clock
    seed: int
    history: History
    origin_s: float

    def play(self, scenarios: Sequence[Scenario], announce: Callable[[Scenario, int, int], None]) -> None:
        """Each scenario in turn. A scenario that breaks is its own history's end, not the run's."""
        try:
            for number, scenario in enumerate(scenarios, start=1):
                announce(scenario, number, len(scenarios))
                self.play_one(scenario)
        finally:
            self.platform.control.release()

    def play_one(self, scenario: Scenario) -> bool:
        """False when the rig failed on the way, so that the platform may not be as it was.

        An interruption is written down before it is raised.
        """
        plan = self.platform.plan
        stage = Stage(
            scenario=scenario.name,
            topology=self.topology,
            plan=plan,
            servers=self.platform.servers,
            control=self.platform.control,
            clock=self.clock,
            # Its own stream by name: adding a scenario changes no other's choices.
            rng=random.Random(f"{self.seed}/{scenario.name}"),  # noqa: S311 - reproducible, not secret
            history=self.history,
            origin_s=self.origin_s,
            parameters=scenario.parameters,
        )
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
            stage.record(RIG_FAULT, "", Outcome.FAILED, message="interrupted")
            raise
        except SimError as error:
            stage.record(RIG_FAULT, "", Outcome.FAILED, message=str(error))
            return False
        except Exception as error:  # noqa: BLE001 - a scenario's own mistake must not end the run, nor look like a pass
            stage.record(RIG_FAULT, "", Outcome.FAILED, message=f"{type(error).__name__}: {error}")
            return False
        return True
