"""The engine's controls in memory, and the names that resolve on the pod network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sim.errors import RigError
from sim.plan.cluster import cluster_of, cluster_on, with_pods
from sim.plan.draft import FIRST_FREE_HOST
from sim.plan.model import Plan, ServerSpec
from sim.plan.replicas import pods_of, with_replicas
from sim.policy.objects import NetworkPolicy, Pod
from sim.remedy import Pledge
from sim.runtime.fake.network import FakePodNetwork, Flaws
from sim.runtime.fake.processes import FakeProcesses
from sim.scenario import Alone, HostLoad, Limits, ServerState, Usage

# Another range for documentation (RFC 5737).
_ROOM_SUBNET = "198.51.100.0/24"
_FIRST_ROOM_HOST = 10


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
    """What faults and facts may do to the modelled servers.

    ``pledges`` are the faults in force; ``filters`` what gets through between pods.
    """

    def __init__(self, plan: Plan, processes: FakeProcesses, names: dict[str, tuple[str, ...]]) -> None:
        self._plan = self._reserved = plan
        self._processes = processes
        self._zone = names
        self.in_networks: list[NetworkCommand] = []
        self.filters = processes.filters
        self.flaws = Flaws()
        self.policies: tuple[NetworkPolicy, ...] | None = plan.policies
        self.pledges: list[Pledge] = []

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
        """Packet filters, delays and the faults' own probes are modelled; anything else is kept and succeeds."""
        self.in_networks.append(NetworkCommand(self._plan.server(server).name, tuple(argv), stdin))
        match tuple(argv):
            case ("nft", "-f", "-"):
                self.filters.read(server, stdin)
            case ("nft", "-j", "list", "table", "inet", name):
                listed = self.filters.listed(server, name)
                return (1, "Error: No such file or directory") if listed is None else (0, listed)
            case ("python3", "-", "hold", number, delay_s, *_):
                self.filters.delays_s.setdefault(server, {})[int(number)] = float(delay_s)
                return 0, "ready\n"
            case ("python3", "-", "end", number):
                self.filters.delays_s.get(server, {}).pop(int(number), None)
            case ("python3", "-", "look", number):
                held = int(number) in self.filters.delays_s.get(server, {})
                return 0, "held 1\n" if held else "none\n"
            case ("python3", "-c", _, address, datagrams, _) if "SOCK_DGRAM" in argv[2]:
                self.filters.send(server, address, int(datagrams))
            case ("python3", "-c", _, address, _, _):
                return 0, f"{sum(self.filters.delay_s(s.name) for s in self._plan.servers if s.address == address)}\n"
        return 0, ""

    @contextmanager
    def network(self, visitors: Sequence[Pod] = ()) -> Iterator[FakePodNetwork]:
        """Under ``policies``: the plan's, until a test replaces them; None: nothing is enforced."""
        hosts = ipaddress.ip_network(self._plan.subnet)
        placed = [replace(pod, addresses=(str(hosts[FIRST_FREE_HOST + i]),)) for i, pod in enumerate(visitors)]
        cluster = with_pods(cluster_of(self._plan), placed)
        found = FakePodNetwork(cluster, self.flaws, self._listens, self._silent)
        if self.policies is not None:
            found.enforce(cluster.with_policies(self.policies))
        yield found

    def _listens(self, pod: str, port: int) -> bool:
        """A paused server's port still accepts connections; one that is down or starting refuses them."""
        server = self._server_in(pod)
        if server is None or port not in {p.number for p in server.ports}:
            return False
        return self._processes[server.name].state == "paused" or self._processes.answers(server.name)

    def _server_in(self, pod: str) -> ServerSpec | None:
        return next((s for s in self._plan.servers if f"{s.namespace}/{s.name}" == pod), None)

    def _silent(self, pod: str) -> bool:
        server = self._server_in(pod)
        return server is not None and self._processes[server.name].state == "paused"

    @contextmanager
    def room(self, pods: Sequence[Pod]) -> Iterator[FakePodNetwork]:
        hosts = ipaddress.ip_network(_ROOM_SUBNET)
        placed = [replace(pod, addresses=(str(hosts[_FIRST_ROOM_HOST + i]),)) for i, pod in enumerate(pods)]
        yield FakePodNetwork(cluster_on(_ROOM_SUBNET, placed, ()), self.flaws, lambda *_: False)

    def release(self) -> None:
        """Rooms in memory take no room."""

    def limit(self, server: str, *, memory_bytes: int | None = None, cpu_cores: float | None = None) -> None:
        process = self._processes[server]
        if memory_bytes is not None:
            process.memory_limit_bytes = memory_bytes
        if cpu_cores is not None:
            process.cpu_limit_cores = cpu_cores

    def usage(self, server: str) -> Usage:
        process = self._processes[server]
        squeezed = process.cpu_limit_cores < (process.spec.limits.cpu_cores or 0.0)
        periods = round(process.cpu_s * 10)
        return Usage(10 if squeezed else 0, (process.spec.limits.memory_bytes or 2**26) // 2, periods, process.cpu_s)

    def host(self) -> HostLoad | None:
        """A machine that has all the cores it could want."""
        names = [server.name for server in self._plan.servers]
        return HostLoad(len(names), sum(self._processes[name].cpu_s for name in names), 0.0, 1)

    def reserve(self, app: str, most: int) -> tuple[str, ...]:
        self._reserved = with_replicas(self._plan, app, most)
        return tuple(server.name for server in pods_of(self._reserved, app))

    def dismiss(self, app: str) -> None:
        for server in pods_of(self._reserved, app)[len(pods_of(self._plan, app)) :]:
            self.remove(server.name)
        self._reserved = self._plan

    def add(self, server: str) -> None:
        self._processes.add(self._reserved.server(server))

    def remove(self, server: str) -> None:
        self._processes.take_away(server)

    def ready(self, server: str) -> bool:
        return self._processes.has(server) and self._processes.answers(server)

    def alone(
        self,
        server: str,
        command: Sequence[str],  # noqa: ARG002 - a model has no command line
        limits: Limits,
        ready: Sequence[str],  # noqa: ARG002 - nor programs
        within_s: float,
    ) -> Alone:
        """It dies of too little memory, as when it is started."""
        process = self._processes[server]
        if limits.memory_bytes < process.needs_bytes:
            return Alone(ServerState("exited", 137, oom_killed=True), None)
        boot_s = self._processes.boot_s
        return Alone(ServerState("running"), boot_s if boot_s <= within_s else None)

    def variant(self, server: str) -> str:
        return f"{self._processes[server].spec.image.reference}-variant"

    def replace(self, server: str, image: str) -> None:
        self._processes.replace(server, image or self._plan.server(server).image.digest)

    def execute(self, server: str, argv: Sequence[str]) -> tuple[int, str]:
        """The broker's disk limit is modelled; no other program runs in memory."""
        process = self._processes[server]
        if process.state != "running":
            raise RigError(f"Nothing can be run inside {server}.", evidence="container is not running")
        if tuple(argv[:2]) == ("rabbitmqctl", "set_disk_free_limit"):
            full = argv[2] != "mem_relative"
            process.disk_full = full
            process.log.append(f"disk resource limit alarm {'set' if full else 'cleared'} on node")
            return 0, ""
        return 127, f"{argv[0]}: not modelled"

    def pledge(self, pledge: Pledge) -> None:
        self.pledges.append(pledge)

    def redeem(self, pledge: Pledge) -> None:
        self.pledges = [kept for kept in self.pledges if kept.remedies != pledge.remedies]

    def lookup(self, server: str, name: str) -> tuple[str, ...]:
        """By the pod's search path, as Kubernetes writes it into ``resolv.conf``."""
        domain = self._plan.cluster_domain
        namespace = self._plan.server(server).namespace
        candidates = (name, *(f"{name}.{s}" for s in (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)))
        return next((self._zone[c] for c in candidates if c in self._zone), ())
