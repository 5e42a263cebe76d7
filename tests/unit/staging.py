"""A stage without a platform: a control that keeps states in memory, and a history to read."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, cast

from sim.clock import Clock, ScaledClock
from sim.errors import RigError
from sim.history import History
from sim.scenario import ServerState, Stage


@dataclass(slots=True)
class StubbornControl:
    """Does what it is told, except for the verbs named in ``ignores`` (no effect) and ``refuses`` (an error)."""

    ignores: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    states: dict[str, ServerState] = field(default_factory=dict)

    def state(self, server: str) -> ServerState:
        return self.states.get(server, ServerState("running"))

    def _set(self, verb: str, server: str, state: ServerState) -> None:
        if verb in self.refuses:
            raise RigError(f"The engine would not {verb} {server}.")
        if verb not in self.ignores:
            self.states[server] = state

    def kill(self, server: str, signal: str = "SIGKILL") -> None:
        self._set("kill", server, ServerState("exited", 137 if signal == "SIGKILL" else 143))

    def start(self, server: str) -> None:
        self._set("start", server, ServerState("running"))

    def stop(self, server: str) -> None:
        self._set("stop", server, ServerState("exited", 0))

    def pause(self, server: str) -> None:
        self._set("pause", server, ServerState("paused"))

    def unpause(self, server: str) -> None:
        self._set("unpause", server, ServerState("running"))

    def logs(self, server: str) -> str:
        return f"{server} wrote nothing\n"

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
