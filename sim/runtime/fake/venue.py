"""A modelled platform as a place to rehearse at, telling a report about itself as a real stack does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sim.clock import Clock
from sim.fresh import Reset
from sim.plan.model import Plan, ServerSpec
from sim.preparing import Document, Wanted, planner
from sim.record import Host, ServerRow, StartupSpan
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.runtime.host import describe_without_engine
from sim.scenario import Control
from sim.servers.protocol import Servers
from sim.topology.model import Topology

# The address range for documentation (RFC 5737): no packet ever goes there.
_SUBNET = "192.0.2.0/24"


@dataclass(frozen=True, slots=True)
class FakeVenue:
    """``id`` says what it is wherever a stack's name is shown."""

    platform: FakePlatform
    id: str = "fake"

    @classmethod
    def of(cls, topology: Topology, wanted: Wanted, clock: Clock, seed: int) -> Self:
        """A conformant platform of what is wanted. Raises BadInput for a name the document does not have."""
        plan = planner(Document("", topology), wanted, fake_images(topology))(_SUBNET)
        platform = FakePlatform(topology, plan, clock, seed)
        if not wanted.enforce_policies:
            platform.control.policies = None
        return cls(platform)

    @property
    def plan(self) -> Plan:
        return self.platform.plan

    @property
    def servers(self) -> Servers:
        return self.platform.servers

    @property
    def control(self) -> Control:
        return self.platform.control

    def reset(self) -> Reset:
        return self.platform.reset()

    @property
    def secrets(self) -> Mapping[str, str]:
        return self.platform.secrets

    def rows(self) -> tuple[ServerRow, ...]:
        return tuple(self._row(spec) for spec in self.plan.servers)

    def _row(self, spec: ServerSpec) -> ServerRow:
        """No ports: nothing listens anywhere."""
        state = self.platform.processes[spec.name].state
        if state == "running":
            state = "ready" if self.platform.processes.answers(spec.name) else "starting"
        return ServerRow(
            name=spec.name,
            kind=spec.kind,
            namespace=spec.namespace,
            app=spec.app,
            state=state,
            address=spec.address,
            ports={},
            fidelity=spec.image.fidelity,
            section=spec.section,
        )

    def timeline(self) -> tuple[StartupSpan, ...]:
        """Nothing was started, so nothing took time."""
        return ()

    def logs(self, server: str) -> str:
        return f"{server} was modelled in memory (runtime fake): it has no log.\n"

    def host(self) -> Host:
        return describe_without_engine()
