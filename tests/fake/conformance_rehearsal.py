"""One scenario on one modelled platform, from rehearsal to verdict, as a run does it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from scenarios.conformance import SCENARIOS
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
from sim.topology.model import Topology

BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}
NAMES = tuple(BY_NAME)
Sabotage = Callable[[FakePlatform], None]


class SteppingClock:
    """Time that passes only when someone waits, so that a minute's deadline costs a test nothing."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        return self._now_s

    def sleep_s(self, seconds: float) -> None:
        self._now_s += max(seconds, 0.0)


@functools.cache
def topology() -> Topology:
    return load_topology()


def images() -> dict[str, ResolvedImage]:
    return fake_images(topology())


@functools.cache
def _plan(known: tuple[tuple[str, ResolvedImage], ...]) -> Plan:
    return build_plan(topology(), "development", dict(known), "192.0.2.0/24")


def with_image(component: str, **changes: object) -> dict[str, ResolvedImage]:
    """The documented images, but for one."""
    known = images()
    return {**known, component: replace(known[component], **changes)}  # type: ignore[arg-type]


@dataclass(slots=True)
class Scene:
    """A modelled platform on which one scenario is played."""

    name: str
    images: Mapping[str, ResolvedImage] = field(default_factory=images)
    platform: FakePlatform = field(init=False)
    clock: SteppingClock = field(init=False)
    history: History = field(init=False)

    def __post_init__(self) -> None:
        plan = _plan(tuple(self.images.items()))
        self.clock = SteppingClock()
        self.platform = FakePlatform(topology(), plan, self.clock, seed=1)
        self.history = History()

    def play(self) -> ScenarioResult:
        Rehearsal(topology(), self.platform, self.clock, 1, self.history, 0.0).play(
            [BY_NAME[self.name]], lambda *_: None
        )
        return self.judge(self.observations)

    @property
    def observations(self) -> tuple[Observation, ...]:
        return self.history.of(self.name)

    def judge(self, observations: tuple[Observation, ...]) -> ScenarioResult:
        evidence = Evidence(observations, topology(), "development", self.images)
        return judge(BY_NAME[self.name], evidence)
