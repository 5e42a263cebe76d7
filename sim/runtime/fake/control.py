"""The engine's controls in memory, and the names that resolve on the pod network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.errors import RigError
from sim.plan.model import Plan
from sim.runtime.fake.processes import FakeProcesses
from sim.scenario import ServerState


def zone(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Fully qualified name → addresses, of every Service and pod of the plan."""
    names: dict[str, list[str]] = {}
    for server in plan.servers:
        for alias in server.aliases:
            if alias.endswith(f".{plan.cluster_domain}"):
                names.setdefault(alias, []).append(server.address)
    return {name: tuple(sorted(addresses)) for name, addresses in names.items()}


@dataclass(frozen=True, slots=True)
class NetworkCommand:
    """What was run in a pod's network namespace, and what it was given to read."""

    server: str
    argv: tuple[str, ...]
    stdin: str


class FakeControl:
    """What faults and facts may do to the modelled servers."""

    def __init__(self, plan: Plan, processes: FakeProcesses, names: dict[str, tuple[str, ...]]) -> None:
        self._plan = plan
        self._processes = processes
        self._zone = names
        self.in_networks: list[NetworkCommand] = []

    def state(self, server: str) -> ServerState:
        return self._processes.engine_state(server)

    def kill(self, server: str, signal: str = "SIGKILL") -> None:
        self._processes.kill(server, signal)

    def start(self, server: str) -> None:
        self._processes.start(server)

    def stop(self, server: str) -> None:
        self._processes.end(server, 0)

    def pause(self, server: str) -> None:
        self._processes.freeze(server, frozen=True)

    def unpause(self, server: str) -> None:
        self._processes.freeze(server, frozen=False)

    def logs(self, server: str) -> str:
        return "".join(f"{line}\n" for line in self._processes[server].log)

    def environment(self, server: str) -> tuple[str, ...]:
        return tuple(sorted(self._processes[server].spec.environment))

    def resolve(self, server: str, name: str) -> tuple[str, ...]:
        """Raises RigError when the container that should ask is not running."""
        if self._processes[server].state != "running":
            raise RigError(f"Nothing can be asked inside {server}.", evidence="container is not running")
        return self.lookup(server, name)

    def in_network(self, server: str, argv: Sequence[str], stdin: str = "") -> tuple[int, str]:
        """Nothing is modelled below a connection: what was asked for is kept, in order, and succeeds."""
        self.in_networks.append(NetworkCommand(self._plan.server(server).name, tuple(argv), stdin))
        return 0, ""

    def lookup(self, server: str, name: str) -> tuple[str, ...]:
        """By the pod's search path, as Kubernetes writes it into ``resolv.conf``."""
        domain = self._plan.cluster_domain
        namespace = self._plan.server(server).namespace
        candidates = (name, *(f"{name}.{s}" for s in (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)))
        return next((self._zone[c] for c in candidates if c in self._zone), ())
