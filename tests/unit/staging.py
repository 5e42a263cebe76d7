"""A stage without a platform: a control that keeps states in memory, and a history to read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sim.clock import Clock, ScaledClock
from sim.errors import RigError
from sim.faults.stage import stage_on
from sim.history import History, Outcome
from sim.plan.pods import build_plan
from sim.remedy import Pledge
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.scenario import Alone, HostLoad, Limits, ServerState, Stage, Usage
from tests.unit.drill_histories import topology


@dataclass
class StubbornControl:
    """Does what it is told, except for the verbs named in ``ignores`` (no effect) and ``refuses`` (an error)."""

    ignores: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    states: dict[str, ServerState] = field(default_factory=dict)
    starts: int = 0
    throttled: int = 0
    executed: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    log: dict[str, str] = field(default_factory=dict)
    pledges: list[Pledge] = field(default_factory=list)

    def state(self, server: str) -> ServerState:
        return self.states.get(server, ServerState("running"))

    def in_network(self, server: str, argv: Sequence[str], stdin: str = "") -> tuple[int, str]:
        raise NotImplementedError(f"{server} has no network ({argv[0]}, {len(stdin)} bytes)")

    def _set(self, verb: str, server: str, state: ServerState) -> None:
        if verb in self.refuses:
            raise RigError(f"The engine would not {verb} {server}.")
        if verb not in self.ignores:
            self.states[server] = state

    def kill(self, server: str, signal: str = "SIGKILL") -> None:
        self._set("kill", server, ServerState("exited", 137 if signal == "SIGKILL" else 143))

    def start(self, server: str) -> None:
        self.starts += 1
        self._set("start", server, replace(self.state(server), state="running", started_at=f"start {self.starts}"))

    def stop(self, server: str) -> None:
        self._set("stop", server, ServerState("exited", 0))

    def pause(self, server: str) -> None:
        self._set("pause", server, ServerState("paused"))

    def unpause(self, server: str) -> None:
        self._set("unpause", server, ServerState("running"))

    def limit(self, server: str, *, memory_bytes: int | None = None, cpu_cores: float | None = None) -> None:
        now = self.state(server)
        memory_bytes = now.memory_limit_bytes if memory_bytes is None else memory_bytes
        cpu_cores = now.cpu_limit_cores if cpu_cores is None else cpu_cores
        self._set("limit", server, replace(now, memory_limit_bytes=memory_bytes, cpu_limit_cores=cpu_cores))

    def usage(self, server: str) -> Usage:
        return Usage(self.throttled, 2**26 if server in self.states else 2**25)

    def alone(
        self, server: str, command: Sequence[str], limits: Limits, ready: Sequence[str], within_s: float
    ) -> Alone:
        raise NotImplementedError(f"{server} is not run by itself")

    def host(self) -> HostLoad | None:
        return None

    def variant(self, server: str) -> str:
        return f"{server}-variant"

    def replace(self, server: str, image: str) -> None:
        self._set("replace", server, replace(self.state(server), state="running", image_digest=image))

    def execute(self, server: str, argv: Sequence[str]) -> tuple[int, str]:
        self.executed.append((server, tuple(argv)))
        return self.answers.get(argv[0], (0, ""))

    def pledge(self, pledge: Pledge) -> None:
        self.pledges.append(pledge)

    def redeem(self, pledge: Pledge) -> None:
        self.pledges = [kept for kept in self.pledges if kept.remedies != pledge.remedies]

    def logs(self, server: str) -> str:
        return self.log.get(server, f"{server} wrote nothing\n")

    def environment(self, server: str) -> tuple[str, ...]:
        raise NotImplementedError(f"{server} was given nothing")

    def resolve(self, server: str, name: str) -> tuple[str, ...]:
        raise NotImplementedError(f"{server} looks nothing up ({name})")


def stage(control: StubbornControl | None = None, clock: Clock | None = None) -> Stage:
    ticking = clock or ScaledClock(100.0)
    nothing = cast("Any", None)
    return Stage(
        scenario="drill",
        topology=nothing,
        plan=nothing,
        servers=nothing,
        control=control or StubbornControl(),
        clock=ticking,
        rng=random.Random(1),  # noqa: S311 - repeatable, not secret
        history=History(),
        origin_s=ticking.now_s(),
    )


def platform_stage() -> tuple[Stage, FakePlatform]:
    """A stage on the modelled platform, for faults that act on the pods' network or on several servers."""
    ticking = ScaledClock(100.0)
    document = topology()
    plan = build_plan(document, "development", fake_images(document), "192.0.2.0/24")
    platform = FakePlatform(document, plan, ticking, 1)
    return stage_on(platform, document, ticking), platform


def phases(played: Stage) -> list[tuple[str, Outcome]]:
    return [(str(o.detail["phase"]), o.outcome) for o in played.history if o.op == "fault"]
