"""One scenario of the services on a modelled platform, from rehearsal to verdict, as a run does it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sim.clock import Clock, SteppedClock
from sim.history import History, Observation
from sim.images.model import ResolvedImage
from sim.judging import judge
from sim.plan.model import Plan
from sim.plan.pods import build_plan
from sim.record import ScenarioResult
from sim.rehearsal import Rehearsal
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.scenario import Evidence, Scenario
from sim.topology.load import load_topology
from sim.topology.model import EnvironmentName, Topology

Sabotage = Callable[[FakePlatform], None]


@functools.cache
def topology() -> Topology:
    return load_topology()


@functools.cache
def plan(environment: EnvironmentName = "development", only: tuple[str, ...] = ()) -> Plan:
    return build_plan(topology(), environment, fake_images(topology()), "192.0.2.0/24", only=only)


@dataclass(slots=True)
class Scene:
    """A modelled platform on which one scenario is played; ``clock`` leaps over whatever everybody waits for.

    ``only`` are the services it runs, as of ``sim up --only``; all of them where none is named.
    """

    scenario: Scenario
    environment: EnvironmentName = "development"
    only: tuple[str, ...] = ()
    clock: Clock = field(default_factory=SteppedClock)
    platform: FakePlatform = field(init=False)
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        self.platform = FakePlatform(topology(), plan(self.environment, self.only), self.clock, seed=1)

    def play(self) -> ScenarioResult:
        rehearsal = Rehearsal(topology(), self.platform, self.clock, 1, self.history, self.clock.now_s())
        rehearsal.play([self.scenario], lambda *_: None)
        return self.judged(self.observations)

    @property
    def observations(self) -> tuple[Observation, ...]:
        return self.history.of(self.scenario.name)

    def judged(self, observations: Iterable[Observation]) -> ScenarioResult:
        images: Mapping[str, ResolvedImage] = fake_images(topology())
        return judge(self.scenario, Evidence(tuple(observations), topology(), self.environment, images))


def left_orders(platform: FakePlatform) -> bool:
    """Whether somebody's orders are still there."""
    return bool(platform.shop.shelves.books["orders"].table("orders"))
