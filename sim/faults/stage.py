"""A stage for faults injected by hand: no scenario plays on it, and its history is its owner's to read."""

from __future__ import annotations

import random
from typing import Protocol

from sim.clock import Clock
from sim.history import History
from sim.plan.model import Plan
from sim.scenario import Control, Stage
from sim.servers.protocol import Servers
from sim.topology.model import Topology


class Place(Protocol):
    """A stack: real, or modelled."""

    @property
    def plan(self) -> Plan: ...
    @property
    def servers(self) -> Servers: ...
    @property
    def control(self) -> Control: ...


def stage_on(place: Place, topology: Topology, clock: Clock, history: History | None = None) -> Stage:
    return Stage(
        scenario="by-hand",
        topology=topology,
        plan=place.plan,
        servers=place.servers,
        control=place.control,
        clock=clock,
        rng=random.SystemRandom(),
        history=history or History(),
        origin_s=clock.now_s(),
    )
