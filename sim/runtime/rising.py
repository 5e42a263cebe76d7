"""Bringing a plan's servers up: create in order, wait by protocol, stop at the first failure and say why.

Creation is bounded because the engine serializes much of it; waiting is not, because it costs nothing. One thread polls
every server that is up but not ready, so that eleven databases cost eleven cheap questions and no thread each.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sim.clock import Clock
from sim.errors import NotReady, SimError
from sim.plan.model import Plan, ServerSpec
from sim.runtime.state import Span
from sim.scenario import ServerState

CREATORS = 4
_POLL_S = 0.1
_ENGINE_POLL_S = 1.0
_LOG_TAIL_LINES = 12

Phase = Literal["planned", "creating", "starting", "ready", "failed"]
Probe = Callable[[], str | None]
"""None when ready, else the last evidence in a few words."""


class Yard(Protocol):
    """What rising needs of an engine."""

    def create(self, server: ServerSpec) -> None: ...
    def states(self) -> Mapping[str, str]: ...
    def state(self, server: str) -> ServerState: ...
    def logs(self, server: str, tail: int | str = "all") -> str: ...


class Progress(Protocol):
    """Told of every change, some of them on the threads that create."""

    def server(self, name: str, phase: Phase, elapsed_s: float) -> None: ...


@dataclass(slots=True)
class _Rise:
    server: ServerSpec
    create_s: float = 0.0
    start_s: float = 0.0
    probe: Probe | None = None
    last: str = "created, not asked yet"


@dataclass(slots=True)
class Riser:
    """``probe_of`` gives a server's readiness probe once it runs; ``finish`` does what must follow at once."""

    yard: Yard
    clock: Clock
    probe_of: Callable[[ServerSpec], Probe]
    finish: Callable[[ServerSpec], None]
    progress: Progress
    _waiting: dict[str, _Rise] = field(default_factory=dict)
    _created: queue.SimpleQueue[tuple[_Rise, Future[None]]] = field(default_factory=queue.SimpleQueue)

    def rise(self, plan: Plan) -> tuple[Span, ...]:
        """Up and ready, all of it, or the first failure is raised after its siblings were stopped."""
        began_s = self.clock.now_s()
        pending = list(plan.servers)
        ready: dict[str, Span] = {}
        next_look_s = 0.0
        with ThreadPoolExecutor(CREATORS, thread_name_prefix="create") as pool:
            try:
                while len(ready) < len(plan.servers):
                    for server in [s for s in pending if ready.keys() >= set(s.after)]:
                        pending.remove(server)
                        self._create(pool, server, began_s)
                    self._collect(began_s)
                    self._ask_all(ready, began_s)
                    now_s = self.clock.now_s()
                    if now_s >= next_look_s:
                        self._look_for_dead(began_s)
                        next_look_s = now_s + _ENGINE_POLL_S
                    if len(ready) < len(plan.servers):
                        self.clock.sleep_s(_POLL_S)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return tuple(ready[server.name] for server in plan.servers)

    def _create(self, pool: ThreadPoolExecutor, server: ServerSpec, began_s: float) -> None:
        rise = _Rise(server)

        def work() -> None:
            rise.create_s = self.clock.now_s() - began_s
            self.progress.server(server.name, "creating", rise.create_s)
            self.yard.create(server)

        pool.submit(work).add_done_callback(lambda future: self._created.put((rise, future)))

    def _collect(self, began_s: float) -> None:
        """Take in finished creations; raises the first one's error."""
        while not self._created.empty():
            rise, future = self._created.get()
            error = future.exception()
            if error is not None:
                self.progress.server(rise.server.name, "failed", self.clock.now_s() - began_s)
                raise error
            rise.start_s = self.clock.now_s() - began_s
            rise.probe = self.probe_of(rise.server)
            self._waiting[rise.server.name] = rise
            self.progress.server(rise.server.name, "starting", rise.start_s)

    def _ask_all(self, ready: dict[str, Span], began_s: float) -> None:
        for name, rise in list(self._waiting.items()):
            assert rise.probe is not None  # noqa: S101 - set when it was collected
            evidence = rise.probe()
            elapsed_s = self.clock.now_s() - began_s
            if evidence is None:
                self.finish(rise.server)
                elapsed_s = self.clock.now_s() - began_s
                ready[name] = Span(name, rise.create_s, rise.start_s, elapsed_s)
                del self._waiting[name]
                self.progress.server(name, "ready", elapsed_s)
                continue
            rise.last = evidence
            if elapsed_s - rise.start_s > rise.server.ready_timeout_s:
                raise self._not_ready(rise, elapsed_s)

    def _look_for_dead(self, began_s: float) -> None:
        """A server that exited will not become ready: say so now, not at its deadline."""
        if not self._waiting:
            return
        for name, state in self.yard.states().items():
            rise = self._waiting.get(name)
            if rise is not None and state in {"exited", "dead", "missing"}:
                raise self._not_ready(rise, self.clock.now_s() - began_s)

    def _not_ready(self, rise: _Rise, elapsed_s: float) -> SimError:
        name = rise.server.name
        self.progress.server(name, "failed", elapsed_s)
        state = self.yard.state(name)
        words = state.state
        if state.exit_code is not None:
            words += f", code {state.exit_code}"
        if state.oom_killed:
            words += ", killed for want of memory (OOM)"
        tail = "\n".join(self.yard.logs(name, tail=_LOG_TAIL_LINES).splitlines()[-_LOG_TAIL_LINES:])
        return NotReady(
            name,
            elapsed_s - rise.start_s,
            words,
            evidence=f"{rise.last}\nLast log:\n{tail}",
            next_step=_advice(rise.server, state),
        )


def _advice(server: ServerSpec, state: ServerState) -> str:
    if state.oom_killed or state.exit_code == 137:
        return f"more memory than its limit of {server.limits.memory_bytes} bytes, or up without --limits environment"
    return f"sim logs {server.name} (with --keep on-failure), sim doctor"
