"""The faults by name, as data: what each needs to be told, and how it is made of that."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sim.errors import BadInput
from sim.faults.bandwidth import Bandwidth
from sim.faults.cpu_squeeze import CpuSqueeze
from sim.faults.crash_loop import CrashLoop
from sim.faults.disk_full import DiskFull
from sim.faults.drain import Drain
from sim.faults.fault import Fault
from sim.faults.kill import Kill
from sim.faults.latency import Latency
from sim.faults.loss import Loss
from sim.faults.memory_squeeze import MemorySqueeze
from sim.faults.partition import Partition
from sim.faults.pause import Pause
from sim.faults.restart import Restart
from sim.faults.rolling import Rolling
from sim.faults.terminate import Terminate
from sim.faults.together import Together
from sim.faults.zone_loss import ZoneLoss
from sim.plan.model import Plan
from sim.plan.zones import zones
from sim.topology.model import Topology

Ready = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Ask:
    """What someone wants broken: ``targets`` and ``against`` are servers' names, or a zone's where one is lost.

    ``options`` by name: ``delay_s``, ``jitter_s``, ``percent``, ``rate_bytes_per_s``, ``cores``, ``share``,
    ``one_way``.
    """

    fault: str
    targets: tuple[str, ...]
    against: tuple[str, ...] = ()
    options: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """``options`` and their defaults; ``stays``: it can outlast the process that injected it."""

    summary: str
    make: Callable[[Ask, Plan, Topology, Ready], Fault]
    options: Mapping[str, float] = field(default_factory=dict)
    takes_peers: bool = False
    of_zone: bool = False
    stays: bool = True


def _each(make: Callable[[str, Callable[[], bool]], Fault]) -> Callable[[Ask, Plan, Topology, Ready], Fault]:
    """The same fault on every target."""

    def made(ask: Ask, _plan: Plan, _topology: Topology, ready: Ready) -> Fault:
        faults = tuple(make(target, partial(ready, target)) for target in ask.targets)
        return faults[0] if len(faults) == 1 else Together(faults, ask.fault)

    return made


def _partition(ask: Ask, plan: Plan, _topology: Topology, _ready: Ready) -> Fault:
    others = ask.against or tuple(s.name for s in plan.servers if s.name not in ask.targets)
    if not others:
        raise BadInput("Nobody is left to be cut off from.", next_step="name fewer targets, or --against some")
    return Partition(ask.targets, others, one_way=bool(ask.options["one_way"]))


def _latency(ask: Ask, _plan: Plan, _topology: Topology, _ready: Ready) -> Fault:
    return Latency(ask.targets, ask.options["delay_s"], ask.options["jitter_s"], ask.against)


def _zone_loss(ask: Ask, plan: Plan, topology: Topology, ready: Ready) -> Fault:
    return ZoneLoss(ask.targets[0], zones(plan, topology.spread)[ask.targets[0]], ready)


def _drain(ask: Ask, plan: Plan, topology: Topology, ready: Ready) -> Fault:
    return Drain(ask.targets[0], zones(plan, topology.spread)[ask.targets[0]], budgets(topology), ready)


def budgets(topology: Topology) -> Mapping[str, int]:
    """Application → pods its disruption budget keeps available (section 12)."""
    apps = {**{key: service.name for key, service in topology.services.items()}, "gateway": topology.gateway.name}
    return {apps[budget.service]: budget.min_available for budget in topology.disruption_budgets}


FAULTS: Mapping[str, Kind] = {
    "kill": Kind("kill -9 the process", _each(Kill)),
    "stop": Kind("end it by SIGTERM", _each(Terminate)),
    "restart": Kind("end it by SIGTERM and start it at once", _each(Restart), stays=False),
    "pause": Kind("freeze its processes", _each(lambda target, _: Pause(target))),
    "crash-loop": Kind("kill it each time it is up again", _each(CrashLoop), stays=False),
    "zone-loss": Kind("kill every pod of a zone", _zone_loss, of_zone=True),
    "drain": Kind("evict a zone's pods as far as disruption budgets allow", _drain, of_zone=True),
    "rolling-restart": Kind(
        "restart one after another", lambda ask, _p, _t, ready: Rolling(ask.targets, ready), stays=False
    ),
    "image-change": Kind(
        "put one after another on another image",
        lambda ask, _p, _t, ready: Rolling(ask.targets, ready, change_image=True, name="rolling image change"),
    ),
    "partition": Kind("drop packets between pods", _partition, {"one_way": 0.0}, takes_peers=True),
    "loss": Kind(
        "drop a share of packets",
        lambda ask, _p, _t, _r: Loss(ask.targets, ask.options["percent"], ask.against),
        {"percent": 5.0},
        takes_peers=True,
    ),
    "latency": Kind("delay what arrives", _latency, {"delay_s": 0.2, "jitter_s": 0.0}, takes_peers=True),
    "bandwidth": Kind(
        "drop what exceeds a rate",
        lambda ask, _p, _t, _r: Bandwidth(ask.targets, round(ask.options["rate_bytes_per_s"]), ask.against),
        {"rate_bytes_per_s": 100_000.0},
        takes_peers=True,
    ),
    "cpu": Kind(
        "squeeze its CPU limit",
        lambda ask, _p, _t, _r: _together(ask, [CpuSqueeze(t, ask.options["cores"]) for t in ask.targets]),
        {"cores": 0.05},
    ),
    "memory": Kind(
        "squeeze its memory limit to little more than it holds",
        lambda ask, _p, _t, ready: _together(
            ask, [MemorySqueeze(t, partial(ready, t), ask.options["share"]) for t in ask.targets]
        ),
        {"share": 1.05},
    ),
    "disk-full": Kind("leave its volume without room", _each(lambda target, _: DiskFull(target))),
}


def _together(ask: Ask, faults: Sequence[Fault]) -> Fault:
    return faults[0] if len(faults) == 1 else Together(tuple(faults), ask.fault)


def made(ask: Ask, plan: Plan, topology: Topology, ready: Ready) -> Fault:
    """The fault asked for. Raises BadInput for a name nobody has, or an option that would change nothing."""
    kind = kind_of(ask.fault)
    for name in ask.options:
        if name not in kind.options:
            raise BadInput(
                f"{_spelt(name)} would change nothing about {ask.fault}.", next_step=f"leave out {_spelt(name)}"
            )
    if ask.against and not kind.takes_peers:
        raise BadInput(f"--against would change nothing about {ask.fault}.", next_step="leave out --against")
    chosen = Ask(
        ask.fault,
        _zone(ask, plan, topology) if kind.of_zone else servers(ask.targets, plan),
        servers(ask.against, plan),
        {**kind.options, **ask.options},
    )
    if both := set(chosen.targets) & set(chosen.against):
        raise BadInput(f"{', '.join(sorted(both))} cannot be on both sides.", next_step="name it once")
    return kind.make(chosen, plan, topology, ready)


def kind_of(name: str) -> Kind:
    """Raises BadInput with near names."""
    if name not in FAULTS:
        near = difflib.get_close_matches(name, FAULTS, n=3) or FAULTS
        raise BadInput(f"No fault is called {name!r}.", next_step=f"one of {', '.join(near)}")
    return FAULTS[name]


def servers(names: Sequence[str], plan: Plan) -> tuple[str, ...]:
    """Servers by their own names, or all pods of an application. Raises BadInput with near names."""
    found: dict[str, None] = {}
    for name in names:
        pods = [s.name for s in plan.servers if name in {s.name, s.app}]
        if not pods:
            known = sorted({n for s in plan.servers for n in (s.name, s.app)})
            near = difflib.get_close_matches(name, known, n=3) or known
            raise BadInput(f"No server is called {name!r} in this stack.", next_step=f"one of {', '.join(near)}")
        found |= dict.fromkeys(pods)
    return tuple(found)


def _zone(ask: Ask, plan: Plan, topology: Topology) -> tuple[str, ...]:
    found = zones(plan, topology.spread)
    if len(ask.targets) != 1 or ask.targets[0] not in found:
        raise BadInput(f"{ask.fault} takes one zone.", next_step=f"one of {', '.join(found)}")
    if not found[ask.targets[0]]:
        raise BadInput(f"No pod of this stack is in {ask.targets[0]}.", next_step="another zone")
    return ask.targets


def _spelt(option: str) -> str:
    return "--" + option.removesuffix("_s").removesuffix("_bytes_per").replace("_", "-")
