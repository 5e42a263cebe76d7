"""One server under one environment's limits: started anew, watched until it serves, asked for a while, restored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sim.checks.limits import LIMITED
from sim.errors import SimError
from sim.faults.limited import Limited
from sim.history import Outcome
from sim.plan.model import ServerSpec
from sim.scenario import Limits, ServerState, Stage, Usage
from sim.topology.model import EnvironmentName

READY_DEADLINE_S = 90.0
"""What the documented liveness probe gives MySQL (section 5): 60 s, and three failures ten seconds apart."""
SERVING_S = 4.0
_ASK_EVERY_S = 0.25
_POLL_S = 0.25
_Work = TypeVar("_Work")


@dataclass(frozen=True, slots=True)
class Trial:
    environment: EnvironmentName
    server: ServerSpec
    memory_bytes: int
    cpu_cores: float


@dataclass(slots=True)
class _Seen:
    """``ready_s`` None: it never served. ``asked`` and ``answered`` are of the time after."""

    state: ServerState = field(default_factory=lambda: ServerState("missing"))
    ready_s: float | None = None
    asked: int = 0
    answered: int = 0
    slowest_s: float = 0.0
    memory_bytes: int = 0


def try_all(stage: Stage, trials: Sequence[Trial]) -> None:
    """Servers side by side, each of them under one environment's limits after the other."""
    by_server: dict[str, list[Trial]] = {}
    for trial in trials:
        by_server.setdefault(trial.server.name, []).append(trial)

    def one_server(mine: Sequence[Trial]) -> None:
        for trial in mine:
            _try(stage, trial)

    _side_by_side(stage, one_server, list(by_server.values()))


def try_alone(stage: Stage, trials: Sequence[Trial], command: Sequence[str], ready: Sequence[str]) -> None:
    """Each trial's image by itself with this command line, until its probe succeeds: whether it can start at all.

    Side by side: each has a container of its own, and what limits it is its limit.
    """

    def alone(trial: Trial) -> None:
        limits = Limits(trial.memory_bytes, trial.cpu_cores)
        try:
            came = stage.control.alone(trial.server.name, command, limits, ready, READY_DEADLINE_S)
        except SimError as error:
            stage.record(LIMITED, trial.server.name, Outcome.UNSURE, environment=trial.environment, message=str(error))
            return
        answered = int(came.ready_s is not None)
        seen = _Seen(came.state, came.ready_s, answered, answered)
        stage.record(LIMITED, trial.server.name, Outcome.OK, **_told(trial, seen, None, None))

    _side_by_side(stage, alone, trials)


def _side_by_side(stage: Stage, act: Callable[[_Work], None], works: Sequence[_Work]) -> None:
    """A model's one clock is moved by one thread alone. What was raised first is raised when all have ended."""
    if stage.servers.modelled:
        for work in works:
            act(work)
        return
    with ThreadPoolExecutor(max(1, len(works))) as pool:
        for done in [pool.submit(act, work) for work in works]:
            done.result()


def _try(stage: Stage, trial: Trial) -> None:
    ready = _probe(stage, trial.server)
    name, seen = trial.server.name, _Seen()
    fault = Limited(name, trial.memory_bytes, trial.cpu_cores, ready)
    with fault.inject(stage) as limited:
        if not limited:
            return  # the fault's own record says why
        began = _usage(stage, name)
        _watch(stage, name, ready, seen)
        ended = _usage(stage, name)
        stage.record(LIMITED, name, Outcome.OK, **_told(trial, seen, began, ended))


def _watch(stage: Stage, name: str, ready: Callable[[], bool], seen: _Seen) -> None:
    """Until it serves, has died, or the deadline; then ask it for a while."""
    began_s = stage.clock.now_s()
    while stage.clock.now_s() < began_s + READY_DEADLINE_S:
        seen.state = stage.control.state(name)
        if seen.state.state != "running":
            return
        if _asked(ready):
            seen.ready_s = stage.clock.now_s() - began_s
            break
        stage.clock.sleep_s(_POLL_S)
    else:
        return
    ends_s = stage.clock.now_s() + SERVING_S
    while stage.clock.now_s() < ends_s:
        sent_s = stage.clock.now_s()
        seen.asked += 1
        seen.answered += _asked(ready)
        seen.slowest_s = max(seen.slowest_s, stage.clock.now_s() - sent_s)
        usage = _usage(stage, name)
        seen.memory_bytes = max(seen.memory_bytes, usage.memory_bytes if usage else 0)
        stage.clock.sleep_s(_ASK_EVERY_S)
    seen.state = stage.control.state(name)


def _asked(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except SimError:
        return False


def _usage(stage: Stage, name: str) -> Usage | None:
    try:
        return stage.control.usage(name)
    except SimError:
        return None


def _told(trial: Trial, seen: _Seen, began: Usage | None, ended: Usage | None) -> dict[str, Any]:
    periods = ended.periods - began.periods if began and ended else 0
    held = ended.throttled_periods - began.throttled_periods if began and ended else 0
    return {
        "environment": trial.environment,
        "kind": trial.server.kind,
        "limit_bytes": trial.memory_bytes,
        "limit_cores": trial.cpu_cores,
        "state": seen.state.state,
        "exit_code": seen.state.exit_code,
        "oom_killed": seen.state.oom_killed,
        "ready_s": None if seen.ready_s is None else round(seen.ready_s, 2),
        "asked": seen.asked,
        "answered": seen.answered,
        "slowest_s": round(seen.slowest_s, 3),
        "memory_bytes": seen.memory_bytes,
        "throttled_share": round(held / periods, 3) if periods > 0 else 0.0,
    }


def _probe(stage: Stage, server: ServerSpec) -> Callable[[], bool]:
    """By its own protocol, as its clients would. What it says of itself, raising for silence."""
    servers, name = stage.servers, server.name
    match server.kind:
        case "mysql":
            return lambda: bool(servers.sql(name).version())
        case "redis":
            return lambda: bool(servers.cache().version())
        case "object-store":
            return lambda: bool(servers.object_store().buckets())
        case "rabbitmq":
            broker = servers.broker()
            return lambda: name in broker.running_nodes(name)
        case _:
            return lambda: servers.service(name).health("ready").accepted
