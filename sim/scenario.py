"""A scenario as data: a claim of the document, what it needs, how it is observed, how that is judged.

Scenarios never assert: ``rehearse`` writes history. Judges never touch servers: ``judge`` is a pure function of
:class:`Evidence`, so a verdict can be taken again from the files of a run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sim.clock import Clock
from sim.history import History, Observation, Outcome
from sim.images.model import ResolvedImage
from sim.plan.model import Plan, ServerKind
from sim.policy.objects import Pod
from sim.probing.network import PodNetwork
from sim.servers.protocol import Servers
from sim.topology.model import Topology
from sim.verdict import Verdict

if TYPE_CHECKING:
    from sim.remedy import Pledge


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the engine says of a server's container: ``running``, ``exited``, ``paused``, ``missing``."""

    state: str
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: str = ""
    pid: int = 0
    memory_limit_bytes: int = 0
    cpu_limit_cores: float = 0.0
    command: tuple[str, ...] = ()
    image_digest: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the kernel counts of a server's container: periods it was held back in, bytes it holds now.

    ``periods`` are all in which it had work and a limit, ``cpu_s`` what it used of the CPU; all since it was made.
    """

    throttled_periods: int
    memory_bytes: int
    periods: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HostLoad:
    """The engine's machine: CPU seconds of all its cores since boot, and how many threads run or want to, now."""

    cpus: int
    busy_s: float
    waiting_for_disk_s: float
    running: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may have."""

    memory_bytes: int
    cpu_cores: float


@dataclass(frozen=True, slots=True)
class Alone:
    """What became of a server run by itself; ``ready_s`` None when its probe never succeeded."""

    state: ServerState
    ready_s: float | None


class Control(Protocol):
    """What faults and facts may do to containers, by server name. Everything done here is undone by who did it."""

    def state(self, server: str) -> ServerState: ...
    def kill(self, server: str, signal: str = "SIGKILL") -> None: ...
    def start(self, server: str) -> None: ...
    def stop(self, server: str) -> None: ...
    def pause(self, server: str) -> None: ...
    def unpause(self, server: str) -> None: ...
    def limit(self, server: str, *, memory_bytes: int | None = None, cpu_cores: float | None = None) -> None:
        """Change a running container's limits; 0 lifts one, None leaves it. Raises RigError when the kernel says no."""
        ...

    def usage(self, server: str) -> Usage: ...
    def host(self) -> HostLoad | None:
        """None when the engine's machine is not this one: it cannot be looked at."""
        ...

    def reserve(self, app: str, most: int) -> tuple[str, ...]:
        """The names of all pods a Deployment may have, those that run first; network policies know them from now on.

        Raises RigError when the pod network has no room. ``dismiss`` ends it.
        """
        ...

    def dismiss(self, app: str) -> None:
        """Remove what is left of the pods that were created, and forget that there could be any."""
        ...

    def add(self, server: str) -> None:
        """Start a pod that was reserved. Raises RigError with the engine's words."""
        ...

    def remove(self, server: str) -> None:
        """End a pod as Kubernetes does: SIGTERM, its grace period, SIGKILL; then it is gone, address and all."""
        ...

    def ready(self, server: str) -> bool:
        """Whether a pod answers as its readiness probe wants."""
        ...

    def replace(self, server: str, image: str) -> None:
        """A new container of ``image`` in the server's pod, the old one gone; empty means the image of the plan."""
        ...

    def alone(
        self, server: str, command: Sequence[str], limits: Limits, ready: Sequence[str], within_s: float
    ) -> Alone:
        """The server's image in a container of its own, with another command line and no network, until it is ready.

        It is gone afterwards, whatever became of it; the server itself is left as it is.
        """
        ...

    def variant(self, server: str) -> str:
        """The reference of an image with the content of the server's own and a digest of its own."""
        ...

    def execute(self, server: str, argv: Sequence[str]) -> tuple[int, str]:
        """Run a command beside the server; (exit code, standard output and error)."""
        ...

    def pledge(self, pledge: Pledge) -> None:
        """Write down what undoes a fault, where it outlives this process."""
        ...

    def redeem(self, pledge: Pledge) -> None:
        """It was undone: forget it."""
        ...

    def logs(self, server: str) -> str:
        """Everything the server wrote to its two streams since its container was made."""
        ...

    def environment(self, server: str) -> tuple[str, ...]:
        """The names, never the values, of the environment variables its container was given."""
        ...

    def resolve(self, server: str, name: str) -> tuple[str, ...]:
        """The addresses ``name`` resolves to from inside ``server``'s pod; empty when it does not."""
        ...

    def in_network(self, server: str, argv: Sequence[str], stdin: str = "") -> tuple[int, str]:
        """Run a program in the network namespace of ``server``'s pod, as root there, with the host's own files.

        (exit code, standard output and error). The namespace belongs to the pod, so what is set there outlives the
        server's restarts, and works while it is down. Raises RigError when the namespace cannot be entered.
        """
        ...

    def network(self, visitors: Sequence[Pod] = ()) -> AbstractContextManager[PodNetwork]:
        """The stack's pods, to police and to probe, with ``visitors`` among them for as long as the block lasts.

        Whatever policies are tried inside, the stack's own are in force again behind it.
        """
        ...

    def room(self, pods: Sequence[Pod]) -> AbstractContextManager[PodNetwork]:
        """Pods of their own, whose addresses are given here, under no policy. Kept for who asks for the same again."""
        ...

    def release(self) -> None:
        """Let go of what was kept for the next scenario."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario plays: the running stack, a clock, seeded randomness, and the history to write.

    ``parameters`` are the scenario's own, as this run was asked to play it.
    """

    scenario: str
    topology: Topology
    plan: Plan
    servers: Servers
    control: Control
    clock: Clock
    rng: random.Random
    history: History
    origin_s: float
    parameters: Mapping[str, float] = field(default_factory=dict)

    def record(self, op: str, target: str, outcome: Outcome, *, actor: str = "rig", **detail: Any) -> None:
        """Append one observation at the present time."""
        self.record_at(self.clock.now_s(), op, target, outcome, actor=actor, **detail)

    def record_at(
        self, now_s: float, op: str, target: str, outcome: Outcome, *, actor: str = "rig", **detail: Any
    ) -> None:
        """Append one observation at ``now_s`` on this stage's clock."""
        self.history.append(Observation(now_s - self.origin_s, self.scenario, actor, op, target, outcome, detail))


@dataclass(frozen=True, slots=True)
class Evidence:
    """All a judge may know: what was observed, the document, and which images ran."""

    observations: tuple[Observation, ...]
    topology: Topology
    environment: str
    images: Mapping[str, ResolvedImage]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One claim and how it is tried.

    ``needs`` are server kinds, and with ``all_services`` every documented service must be there, not only some;
    ``product_claim`` marks a claim about the product itself, which a stand-in cannot prove; ``essential`` scenarios run
    in the short verification; ``source`` cites what else than the document it rests on. An ``undisturbed`` one measures
    the machine as well and needs it to itself; ``lasts_s`` is about how long one takes that takes long, so that stacks
    which share out scenarios begin with it.
    ``leaves_a_mark``: orders of it stay behind, and a stack that is the run's own is reset before the next scenario.
    """

    name: str
    claim: str
    section: str
    needs: tuple[ServerKind, ...]
    rehearse: Callable[[Stage], None]
    judge: Callable[[Evidence], Verdict]
    product_claim: bool = False
    essential: bool = True
    all_services: bool = False
    leaves_a_mark: bool = False
    source: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    undisturbed: bool = False
    lasts_s: float = 0.0

    @property
    def group(self) -> str:
        return self.name.split("/", 1)[0]
