"""What the engine knows of each server: running, paused or gone, since when, under which limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.clock import Clock
from sim.errors import RigError, Unreachable
from sim.plan.model import Plan, ServerSpec
from sim.runtime.fake.netfilter import FakeFilters
from sim.scenario import ServerState

_EXIT_CODES = {"SIGKILL": 137, "SIGTERM": 143, "SIGINT": 130}
# A paused server accepts a connection and then says nothing; a client gives up after its own time-out.
_SILENCE_S = 2.0


@dataclass(slots=True)
class FakeProcess:
    """One server's main process.

    ``log`` is what it wrote; ``starts`` tells connections made before a restart from those made after; ``cpu_s`` is
    what its work has cost. Started with less memory than it ``needs_bytes``, it is killed.
    """

    spec: ServerSpec
    pid: int
    memory_limit_bytes: int
    cpu_limit_cores: float
    state: str = "running"
    exit_code: int | None = None
    oom_killed: bool = False
    needs_bytes: int = 2**26
    cpu_s: float = 0.0
    starts: int = 1
    ready_at_s: float = 0.0
    down_since_s: float = 0.0
    image_digest: str = ""
    disk_full: bool = False
    log: list[str] = field(default_factory=list)


class FakeProcesses:
    """The engine's view of all servers. ``lock`` guards every server's state, as one machine would."""

    def __init__(self, plan: Plan, clock: Clock, boot_s: float) -> None:
        self.clock = clock
        self.boot_s = boot_s
        self.lock = threading.RLock()
        self.filters = FakeFilters({spec.name: spec.address for spec in plan.servers})
        self.died: list[Callable[[str], None]] = []
        self.came: list[Callable[[ServerSpec], None]] = []
        self.went: list[Callable[[str], None]] = []
        self._processes = {
            spec.name: FakeProcess(spec, 1000 + number, spec.limits.memory_bytes or 0, spec.limits.cpu_cores or 0.0)
            for number, spec in enumerate(plan.servers)
        }

    def has(self, server: str) -> bool:
        return server in self._processes

    def add(self, spec: ServerSpec) -> None:
        """A pod more, ready when it has booted."""
        with self.lock:
            number = 1000 + len(self._processes)
            ready_at_s = self.clock.now_s() + self.boot_s
            limits = spec.limits
            self._processes[spec.name] = FakeProcess(
                spec, number, limits.memory_bytes or 0, limits.cpu_cores or 0.0, ready_at_s=ready_at_s
            )
            for tell in self.came:
                tell(spec)

    def take_away(self, server: str) -> None:
        """A pod less; also one that never was."""
        with self.lock:
            if self._processes.pop(server, None) is not None:
                for tell in self.went:
                    tell(server)

    def __getitem__(self, server: str) -> FakeProcess:
        """Raises KeyError for a name the plan does not have."""
        return self._processes[server]

    def answers(self, server: str) -> bool:
        process = self._processes[server]
        return process.state == "running" and self.clock.now_s() >= process.ready_at_s

    def require(self, server: str) -> None:
        """Raises Unreachable, as a client would find it: at once when nothing listens, late when it is silent."""
        if self.answers(server):
            return
        process = self._processes[server]
        if process.state == "paused":
            self.clock.sleep_s(_SILENCE_S)
            if self.answers(server):
                return
            raise Unreachable(f"{server} did not answer within {_SILENCE_S:g} s.", evidence="read timed out")
        raise Unreachable(f"{server} refused the connection.", evidence=f"connection refused ({process.state})")

    def engine_state(self, server: str) -> ServerState:
        process = self._processes[server]
        return ServerState(
            state=process.state,
            exit_code=process.exit_code,
            oom_killed=process.oom_killed,
            started_at=f"fake:start-{process.starts}",
            pid=process.pid if process.state != "exited" else 0,
            memory_limit_bytes=process.memory_limit_bytes,
            cpu_limit_cores=process.cpu_limit_cores,
            command=process.spec.command,
            image_digest=process.image_digest or process.spec.image.digest,
        )

    def end(self, server: str, exit_code: int) -> None:
        with self.lock:
            process = self._processes[server]
            if process.state == "exited":
                raise RigError(f"{server} is not running.", next_step="start it before it can be ended")
            process.state, process.exit_code, process.down_since_s = "exited", exit_code, self.clock.now_s()
            for tell in self.died:
                tell(server)

    def kill(self, server: str, signal: str) -> None:
        """Raises RigError for a signal whose effect is not modelled."""
        if signal not in _EXIT_CODES:
            raise RigError(f"{signal} is not modelled.", next_step=f"use one of {', '.join(_EXIT_CODES)}")
        self.end(server, _EXIT_CODES[signal])

    def start(self, server: str) -> None:
        with self.lock:
            process = self._processes[server]
            if process.state == "exited":
                process.state, process.exit_code = "running", None
                process.starts += 1
                process.ready_at_s = self.clock.now_s() + self.boot_s
                process.oom_killed = 0 < process.memory_limit_bytes < process.needs_bytes
                if process.oom_killed:
                    process.state, process.exit_code = "exited", 137

    def replace(self, server: str, digest: str) -> None:
        """A container of another image in the same pod, started at once."""
        with self.lock:
            process = self._processes[server]
            if process.state == "running" and (process.image_digest or process.spec.image.digest) == digest:
                return
            if process.state != "exited":
                self.end(server, 0)
            process.image_digest = digest
            self.start(server)

    def talk(self, one: str, other: str) -> bool:
        """Whether both answer and packets get through between them, both ways."""
        return self.answers(one) and self.answers(other) and self.filters.connected(one, other)

    def freeze(self, server: str, *, frozen: bool) -> None:
        with self.lock:
            process = self._processes[server]
            if process.state == ("running" if frozen else "paused"):
                process.state = "paused" if frozen else "running"
                if frozen:
                    process.down_since_s = self.clock.now_s()
