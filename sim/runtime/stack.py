"""A stack of real servers: raised in a ``with`` block, found again by its id, removed whole."""

from __future__ import annotations

import hashlib
import json
import random
import secrets as token
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from sim.clock import Clock, SystemClock
from sim.errors import BadInput, RigError
from sim.fresh import Reset
from sim.plan.access import bucket_users
from sim.plan.model import Plan, ServerSpec
from sim.record import Host, ServerRow, StartupSpan
from sim.remedy import Pledge
from sim.runtime import freshness, pledges, secrets, state
from sim.runtime.host import describe
from sim.runtime.parts import look
from sim.runtime.pods import Mounting, PodEngine
from sim.runtime.readiness import cluster_probe, grown_probe, ready_probe
from sim.runtime.resetting import Resetter
from sim.runtime.rising import Probe, Progress, Riser
from sim.runtime.state import Span, StackState
from sim.runtime.subnets import choose_subnet
from sim.runtime.sweeping import orphans, stacks_present, sweep
from sim.runtime.waiting import wait_until
from sim.runtime.watchdog import Leash, watched
from sim.servers.clients import LiveServers
from sim.servers.object_store_setup import set_up_buckets, set_up_users
from sim.topology.load import parse_topology

if TYPE_CHECKING:
    import docker

_CLUSTER_DEADLINE_S = 90.0
_SUBNET_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be raised. ``plan_on`` plans it once a subnet is chosen; ``topology`` is the document's text."""

    name: str
    topology: str
    plan_on: Callable[[str], Plan]
    enforce_limits: bool = True
    enforce_policies: bool = True

    @property
    def configuration(self) -> str:
        """Equal for two orders that would raise the same stack, whatever its addresses and secrets."""
        plan = self.plan_on("10.0.0.0/24")
        images = [server.image.digest for server in plan.servers]
        policies = repr(plan.policies) if self.enforce_policies else ""
        names = [s.name for s in plan.servers]
        seed = json.dumps([self.topology, plan.environment, names, images, self.enforce_limits, policies])
        return hashlib.sha256(seed.encode()).hexdigest()[:16]


@dataclass(slots=True)
class LiveStack:
    """A running stack: its plan, its typed clients, and the engine that holds its pods."""

    memory: StackState
    engine: PodEngine
    clock: Clock = field(default_factory=SystemClock)
    keep: bool = False
    servers: LiveServers = field(init=False)

    def __post_init__(self) -> None:
        self.servers = LiveServers(self.plan, self.engine.endpoint, self.memory.secrets, self.engine.execute)

    @property
    def id(self) -> str:
        return self.memory.id

    @property
    def plan(self) -> Plan:
        return self.memory.plan

    @property
    def spans(self) -> tuple[Span, ...]:
        return self.memory.spans

    @property
    def control(self) -> PodEngine:
        return self.engine

    @property
    def secrets(self) -> Mapping[str, str]:
        return self.memory.secrets

    def probe(self, server: ServerSpec) -> Probe:
        """Asks one server by its own protocol, as its first client would."""
        return ready_probe(server, partial(self.engine.endpoint, server.name), self.memory.secrets)

    def logs(self, server: str) -> str:
        return self.engine.logs(server)

    def host(self) -> Host:
        return describe(self.engine.client)

    def timeline(self) -> tuple[StartupSpan, ...]:
        return tuple(StartupSpan(s.server, s.create_s, s.start_s, s.ready_s) for s in self.spans)

    def rows(self) -> tuple[ServerRow, ...]:
        """Each server as it is now: ``ready``, ``starting``, or the engine's word for its container."""
        states = self.engine.states()
        ready_s = {span.server: span.ready_s for span in self.spans}
        return tuple(self._row(server, states[server.name], ready_s.get(server.name)) for server in self.plan.servers)

    def _row(self, server: ServerSpec, state: str, ready_at_s: float | None) -> ServerRow:
        ports: dict[str, int] = {}
        if state == "running":
            published = self.engine.endpoints(server.name)
            ports = {p.name: published[p.number].port for p in server.ports if p.number in published}
            state = "ready" if self.probe(server)() is None else "starting"
        return ServerRow(
            name=server.name,
            kind=server.kind,
            namespace=server.namespace,
            app=server.app,
            state=state,
            address=server.address,
            ports=ports,
            fidelity=server.image.fidelity,
            section=server.section,
            ready_at_s=ready_at_s,
        )

    def wait_ready(self, server: str, *, deadline_s: float = 60.0) -> float:
        """After a start: until the server answers its protocol again. Returns the seconds waited."""
        probe = self.probe(self.plan.server(server))
        return wait_until(probe, f"{server} ready again", self.clock, deadline_s=deadline_s)

    def reset(self) -> Reset:
        """Make it what it was when it had just come up. Raises SimError when that could not be tried at all."""
        return Resetter(
            self.id, self.plan, self.engine, self.servers, self.clock, self.probe, self._set_up_objects
        ).run()

    def _set_up_objects(self) -> None:
        for store in self.plan.of_kind("object-store"):
            self.finish(store)

    def finish(self, server: ServerSpec) -> None:
        """What the document's set-up Job does once the object store answers (section 7)."""
        if server.kind == "object-store":
            topology = parse_topology(self.memory.topology, "the stack's topology")
            store = self.servers.object_store()
            set_up_buckets(store, topology.object_store)
            if server.image.software == "minio":  # a stand-in reads its users from its file
                set_up_users(store, bucket_users(topology), self.servers.secret)

    def wait_for_cluster(self) -> None:
        """Until every broker node sees every other running, and every queue has a replica on each."""
        if self.plan.of_kind("rabbitmq"):
            wait_until(
                cluster_probe(self.servers.broker()),
                "the broker cluster is complete",
                self.clock,
                deadline_s=_CLUSTER_DEADLINE_S,
            )
            # The first node imports the definitions when it is still alone, and keeps their queues to itself.
            wait_until(
                grown_probe(self.servers.broker()),
                "every quorum queue has a replica on every node",
                self.clock,
                deadline_s=_CLUSTER_DEADLINE_S,
                poll_s=0.5,
            )


@contextmanager
def raised(
    client: docker.DockerClient, order: Order, progress: Progress, *, keep_on_failure: bool = False
) -> Iterator[LiveStack]:
    """Raise a stack; on leaving, remove it unless ``stack.keep`` was set.

    A failure on the way up removes what there is, or keeps it for a look when ``keep_on_failure``. Should this process
    die, the watchdog removes it.
    """
    stack_id = order.name or token.token_hex(4)
    if stack_id in state.remembered():
        raise BadInput(f"Stack {stack_id!r} exists.", next_step=f"sim down --stack {stack_id}, or another name")
    with state.ownership(stack_id), watched(stack_id) as leash:
        stack: LiveStack | None = None
        try:
            stack = _prepared(client, order, stack_id)
            _rise(stack, progress)
            yield stack
        except BaseException:
            if stack is not None and keep_on_failure:
                stack.keep = True
            raise
        finally:
            _settle(client, stack_id, leash, keep=stack is not None and stack.keep)


def _prepared(client: docker.DockerClient, order: Order, stack_id: str) -> LiveStack:
    """Plan, secrets and pod network. A subnet lost to another stack in the same instant is chosen anew."""
    for attempt in range(1, _SUBNET_ATTEMPTS + 1):
        plan = order.plan_on(choose_subnet(client, random.SystemRandom()))
        memory = StackState(
            id=stack_id,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            kept=False,
            ready=False,
            configuration=order.configuration,
            topology=order.topology,
            plan=plan,
            secrets=secrets.generate(plan.secret_names),
            enforce_limits=order.enforce_limits,
            enforce_policies=order.enforce_policies,
        )
        engine = PodEngine(client, plan, mounting(memory))
        state.save(memory)
        try:
            engine.create_network()
        except RigError:
            if attempt == _SUBNET_ATTEMPTS:
                raise
            continue
        return LiveStack(memory, engine)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _rise(stack: LiveStack, progress: Progress) -> None:
    riser = Riser(stack.engine, stack.clock, stack.probe, stack.finish, progress)
    spans = riser.rise(stack.plan)
    stack.wait_for_cluster()
    freshness.save(stack.id, look(stack.servers, stack.plan))
    stack.memory = replace(stack.memory, spans=spans, ready=True)
    state.save(stack.memory)


def _settle(client: docker.DockerClient, stack_id: str, leash: Leash, *, keep: bool) -> None:
    """Removed or kept: either way the watchdog has nothing left to do. Interrupted here, it takes over."""
    if keep:
        state.mark(stack_id, kept=True)
    else:
        sweep(client, stack_id)
    leash.release()


def heal_left_behind(client: docker.DockerClient, stack_id: str) -> tuple[Pledge, ...]:
    """Heal what a dead rig left in force on a kept stack; what someone put there by hand stays. Under its lock."""
    if not any(map(pledges.left_behind, pledges.pledged(stack_id))):
        return ()
    return pledges.heal(stack_id, attached(client, stack_id).engine, pledges.left_behind)


def visited(client: docker.DockerClient, stack_id: str) -> LiveStack:
    """A stack raised earlier, without what a dead rig left in force on it. Raises BadInput when there is none."""
    heal_abandoned(client, stack_id)
    return attached(client, stack_id)


def heal_abandoned(client: docker.DockerClient, stack_id: str) -> tuple[Pledge, ...]:
    """Heal what a dead rig left in force, unless another process has the stack. Returns what was healed."""
    if not any(map(pledges.left_behind, pledges.pledged(stack_id))) or state.owner_alive(stack_id):
        return ()
    with state.ownership(stack_id):
        return heal_left_behind(client, stack_id)


def attached(client: docker.DockerClient, stack_id: str) -> LiveStack:
    """A stack raised earlier. Raises BadInput when it is not remembered."""
    memory = state.load(stack_id)
    return LiveStack(memory, PodEngine(client, memory.plan, mounting(memory)))


def mounting(memory: StackState) -> Mounting:
    """What a pod of the stack is given beside its plan."""
    return Mounting(memory.id, memory.secrets, memory.enforce_limits, memory.enforce_policies)


def claimed(client: docker.DockerClient, stack_id: str) -> StackState | None:
    """The kept stack of that name, None when the name is free; what a dead rig left under it is removed first.

    Raises RigError when another process, or another user of the engine, has it.
    """
    memory = state.load(stack_id) if stack_id in state.remembered() else None
    if memory is not None and memory.kept:
        return memory
    if memory is None:
        if stack_id not in stacks_present(client):
            return None
        if stack_id not in orphans(client):
            raise RigError(
                f"This engine has a stack {stack_id} that someone else remembers.", next_step="another --stack name"
            )
    with state.ownership(stack_id):
        sweep(client, stack_id)
    return None


def choose(stack: str | None) -> str:
    """The named stack, or the only one. Raises BadInput when there is none, or several to choose from."""
    known = state.remembered()
    if stack:
        if stack not in known:
            raise BadInput(f"No stack {stack!r}.", evidence=f"known: {', '.join(known) or 'none'}", next_step="sim up")
        return stack
    if not known:
        raise BadInput("No stack is up.", next_step="sim up")
    if len(known) > 1:
        raise BadInput(f"Several stacks are up: {', '.join(known)}.", next_step=f"--stack {known[-1]}")
    return known[0]
