"""The documented autoscaler at work on real pods: their own processor time in, replicas out, as load comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from scenarios.throughput.crowd import people_for, shoppers
from scenarios.throughput.recording import record
from sim.autoscaling.controller import Controller
from sim.autoscaling.model import Phase, Timing
from sim.checks.autoscaling import (
    CONDITIONS,
    LOAD,
    POD,
    QUIET,
    SYNC,
    controller_for,
    documented_row,
    judge_autoscaling,
    seen_by,
)
from sim.errors import SimError
from sim.history import Outcome
from sim.load.arrivals import customers_needed
from sim.load.cues import Cue
from sim.load.open_loop import Segment
from sim.scenario import Scenario, Stage

SERVICE = "products"
MIX = {"browse": 70.0, "search": 30.0}
LOAD_PER_S = 40.0
"""So much that what a pod spends on nobody (probes, heartbeats) is little of what it will request."""
QUIET_PER_S = 1.0
MEASURED_S = 8.0
LOAD_S = 40.0
TIME_SCALE = 10.0
"""The controller's 15 s become 1.5, its 5 minutes half a minute."""
QUIET_S = Timing().downscale_stabilisation_s / TIME_SCALE + 3.0
"""A window and two syncs: the least it takes back to the floor."""
LONGER_S = 6.0
LONGEST_S = 3 * QUIET_S
"""Each time the load or a neighbour makes the metrics call for more, the window begins again."""
WANTED = 5
"""Replicas the load should take: what a pod requests is cut to fit, since the load cannot be made to.

Were idling a good part of the request, the algorithm itself would go down by a replica or two a window, not at once.
"""
_AT_A_TIME = 8
_MICRO = 1_000_000


@dataclass(slots=True)
class _Pod:
    """``cpu_s`` and ``read_s`` are the last reading; ``created_s`` is None once it was ready, and of others' pods."""

    name: str
    started_s: float | None = None
    ready: bool = False
    ready_changed_s: float | None = None
    created_s: float | None = None
    read_s: float | None = None
    cpu_s: float = 0.0


@dataclass(slots=True)
class _Fleet:
    """The pods there are, by name, and what is being done to them meanwhile."""

    stage: Stage
    names: tuple[str, ...]
    pool: ThreadPoolExecutor
    pods: dict[str, _Pod] = field(default_factory=dict)

    def now_s(self) -> float:
        return self.stage.clock.now_s() - self.stage.origin_s

    def adopt(self, name: str) -> None:
        """One that has run for long."""
        self.pods[name] = _Pod(name, started_s=-1e6, ready=True, ready_changed_s=-1e6)

    def scale(self, desired: int) -> None:
        """The newest go first, as a ReplicaSet's do."""
        for name in self.names[len(self.pods) : desired]:
            self.pods[name] = _Pod(name, created_s=self.now_s())
            self.pool.submit(self._attempt, "create", name, self.stage.control.add)
        for name in list(self.pods)[desired:]:
            del self.pods[name]
            self.pool.submit(self._attempt, "remove", name, self.stage.control.remove)

    def _attempt(self, what: str, name: str, act: Callable[[str], None]) -> None:
        try:
            act(name)
        except Exception as error:  # noqa: BLE001 - nobody waits for this thread's answer; the history must have it
            self.stage.record(POD, name, Outcome.FAILED, what=what, message=f"{type(error).__name__}: {error}")
            return
        pod = self.pods.get(name)
        if pod is not None and what == "create":
            pod.started_s = self.now_s()
        self.stage.record(POD, name, Outcome.OK, what=f"{what}d")

    def look(self) -> list[dict[str, Any]]:
        """Every pod as its kubelet and the metrics server would tell."""
        return list(self.pool.map(self._look, list(self.pods.values())))

    def _look(self, pod: _Pod) -> dict[str, Any]:
        cpu_micro = memory_bytes = window_s = None
        if pod.started_s is not None:
            ready = self.stage.control.ready(pod.name)
            if ready is not pod.ready:
                pod.ready, pod.ready_changed_s = ready, self.now_s()
                if ready and pod.created_s is not None:
                    after_s = round(pod.ready_changed_s - pod.created_s, 6)
                    self.stage.record(POD, pod.name, Outcome.OK, what="ready", after_s=after_s)
                    pod.created_s = None
            elif pod.ready_changed_s is None:
                pod.ready_changed_s = pod.started_s
            try:
                usage, now_s = self.stage.control.usage(pod.name), self.now_s()
            except SimError:
                return _told(pod, None, None, None)
            if pod.read_s is not None and now_s > pod.read_s:
                window_s = now_s - pod.read_s
                cpu_micro = round(_MICRO * (usage.cpu_s - pod.cpu_s) / window_s)
                memory_bytes = usage.memory_bytes
            pod.read_s, pod.cpu_s = now_s, usage.cpu_s
        return _told(pod, cpu_micro, memory_bytes, window_s)


def _told(pod: _Pod, cpu_micro: int | None, memory_bytes: int | None, window_s: float | None) -> dict[str, Any]:
    return {
        "name": pod.name,
        "phase": (Phase.PENDING if pod.started_s is None else Phase.RUNNING).value,
        "ready": pod.ready,
        "started_s": pod.started_s,
        "ready_changed_s": pod.ready_changed_s,
        "cpu_micro": cpu_micro,
        "memory_bytes": memory_bytes,
        "window_s": window_s,
    }


@dataclass(slots=True)
class _Watch:
    """One autoscaler's loop, a cue at a time."""

    stage: Stage
    fleet: _Fleet
    controller: Controller
    conditions: dict[str, Any]
    current: int

    def cues(self, phase: str, duration_s: float) -> tuple[Cue, ...]:
        period_s = self.controller.timing.sync_s
        return tuple(Cue(number * period_s, lambda: self._sync(phase)) for number in range(int(duration_s / period_s)))

    def _sync(self, phase: str) -> None:
        looked = self.fleet.look()
        at_s = round(self.fleet.now_s(), 6)
        sync: dict[str, Any] = {"at_s": at_s, "current": self.current, "pods": looked, "phase": phase}
        pods, usage = seen_by(sync, self.conditions)
        decision = self.controller.sync(at_s, self.current, pods, usage)
        self.stage.record(
            SYNC,
            self.conditions["deployment"],
            Outcome.OK,
            **sync,
            desired=decision.desired,
            proposed=decision.proposed,
            stabilised=decision.stabilised,
            reason=decision.reason,
            percents=dict(decision.percents),
        )
        self.fleet.scale(decision.desired)
        self.current = decision.desired


def rehearse(stage: Stage) -> None:
    topology = stage.topology
    app, gateway = topology.services[SERVICE].name, stage.servers.gateway().name
    row = documented_row(topology, SERVICE)
    running = [server.name for server in stage.plan.servers if server.app == app]
    people = people_for(stage, customers_needed(MIX, LOAD_PER_S))
    names = stage.control.reserve(app, row.max_replicas)
    try:
        with ThreadPoolExecutor(_AT_A_TIME) as pool, shoppers(stage, LOAD_PER_S, MIX, people) as engine:
            fleet = _Fleet(stage, names, pool)
            for name in running:
                fleet.adopt(name)
            engine.play(Segment("warm-up", LOAD_PER_S, 2.0))
            fleet.look()
            record(stage, engine.name, gateway, engine.play(Segment("measured", LOAD_PER_S, MEASURED_S)))
            busy_cores = sum(p["cpu_micro"] or 0 for p in fleet.look()) / _MICRO
            conditions: dict[str, Any] = {
                "service": SERVICE,
                "deployment": app,
                "scale": TIME_SCALE,
                "busy_cores": round(busy_cores, 6),
                "request_micro": max(1, round(_MICRO * busy_cores / (WANTED * row.cpu_percent / 100))),
                "memory_request_bytes": topology.environments["production"].limits.memory_bytes or 0,
            }
            stage.record(CONDITIONS, app, Outcome.OK, **conditions)
            watch = _Watch(
                stage, fleet, controller_for(topology, SERVICE, TIME_SCALE), conditions, current=len(running)
            )
            load = Segment(LOAD, LOAD_PER_S, LOAD_S)
            record(stage, engine.name, gateway, engine.play(load, watch.cues(LOAD, LOAD_S)))
            quiet_s, waited_s = QUIET_S, 0.0
            while waited_s < LONGEST_S and watch.current > (row.min_replicas if waited_s else 0):
                quiet = Segment(f"quiet-{waited_s:.0f}", QUIET_PER_S, quiet_s)
                record(stage, engine.name, gateway, engine.play(quiet, watch.cues(QUIET, quiet_s)))
                quiet_s, waited_s = LONGER_S, waited_s + quiet_s
    finally:
        stage.control.dismiss(app)


AUTOSCALING_LIVE = Scenario(
    name="throughput/autoscaling-live",
    claim="Replicas follow the documented autoscaler up and down, share the work, and lose no request on the way.",
    section="12",
    needs=("gateway", "service", "mysql", "rabbitmq"),
    leaves_a_mark=True,
    rehearse=rehearse,
    judge=judge_autoscaling,
    essential=False,
    source="Kubernetes, Horizontal Pod Autoscaling, algorithm details; pkg/controller/podautoscaler",
    parameters={
        "load_per_s": LOAD_PER_S,
        "load_s": LOAD_S,
        "quiet_s": QUIET_S,
        "quiet_most_s": LONGEST_S,
        "time_scale": TIME_SCALE,
        "wanted_replicas": float(WANTED),
    },
)
