"""A drill on the modelled platform, from rehearsal to verdict, in less time than it tells of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sim.clock import ScaledClock, SteppedClock
from sim.history import History, Observation
from sim.judging import judge
from sim.plan.model import Plan, ServerKind
from sim.plan.pods import build_plan
from sim.record import ScenarioResult
from sim.rehearsal import Rehearsal
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.scenario import Evidence, Scenario
from sim.topology.load import load_topology
from sim.topology.model import Topology

Sabotage = Callable[[FakePlatform], None]


@functools.cache
def topology() -> Topology:
    return load_topology()


@functools.cache
def _plan(kinds: frozenset[ServerKind]) -> Plan:
    """Frozen, and half of what a short rehearsal costs."""
    return build_plan(topology(), "development", fake_images(topology()), "192.0.2.0/24", kinds=kinds)


@dataclass(frozen=True, slots=True)
class Drill:
    """One rehearsal: what was observed, how it was judged, and the platform as it was left."""

    scenario: Scenario
    result: ScenarioResult
    observations: tuple[Observation, ...]
    platform: FakePlatform

    def of(self, op: str) -> list[Observation]:
        return [o for o in self.observations if o.op == op]


def rehearse(
    scenario: Scenario,
    spoil: Sabotage | None = None,
    *,
    speed: float | None = None,
    seed: int = 1,
    election_s: float = 0.4,
) -> Drill:
    """``speed`` None steps from waking to waking; else so many times faster than the wall, for what waits otherwise."""
    clock = SteppedClock() if speed is None else ScaledClock(speed)
    platform = FakePlatform(topology(), _plan(frozenset(scenario.needs)), clock, seed, election_s=election_s)
    if spoil is not None:
        spoil(platform)
    history = History()
    Rehearsal(topology(), platform, clock, seed, history, clock.now_s()).play([scenario], lambda *_: None)
    observations = history.of(scenario.name)
    return Drill(scenario, judged(scenario, observations), observations, platform)


def judged(scenario: Scenario, observations: Iterable[Observation]) -> ScenarioResult:
    return judge(scenario, Evidence(tuple(observations), topology(), "development", fake_images(topology())))
