"""Crash loop: the server is killed each time it is up again. What drives it is the server's state, never a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.clock import Clock
from sim.errors import SimError
from sim.faults.coming_back import started
from sim.faults.fault import InForce, Sight, Step, in_force
from sim.remedy import Remedy, apply_all
from sim.scenario import Control, Stage

_POLL_S = 0.05
_FAREWELL_S = 30.0
_ENOUGH = 2
_EFFECT_DEADLINE_S = 60.0


@dataclass(slots=True)
class _Loop:
    stop: threading.Event = field(default_factory=threading.Event)
    crashes: int = 0
    failure: str = ""
    thread: threading.Thread | None = None


@dataclass(frozen=True, slots=True)
class CrashLoop:
    """``serve_first``: each time it is let come up far enough to serve; else it dies while it boots.

    It takes effect with its second death. Its loop lives in this process: nobody can leave it behind.
    """

    target: str
    ready: Callable[[], bool]
    serve_first: bool = False
    ready_deadline_s: float = 90.0
    name: str = "crash loop"

    def inject(self, stage: Stage) -> InForce:
        loop = _Loop()
        heal = started(self.target, self.ready, self.ready_deadline_s)

        def begin(control: Control) -> None:
            loop.thread = threading.Thread(
                target=self._turn, args=(control, stage.clock, loop), name=f"crash {self.target}", daemon=True
            )
            loop.thread.start()

        def look(_: Control) -> Sight:
            evidence = loop.failure or f"{loop.crashes} deaths by SIGKILL so far"
            return Sight(loop.crashes >= _ENOUGH and not loop.failure, evidence)

        def end(control: Control) -> None:
            loop.stop.set()
            if loop.thread is not None:
                loop.thread.join(_FAREWELL_S)
            apply_all((Remedy("start", self.target),), control)

        def back(control: Control) -> Sight:
            sight = heal.look(control)
            return Sight(sight.seen, f"{sight.evidence} after {loop.crashes} deaths", {"crashes": loop.crashes})

        return in_force(
            stage,
            self.name,
            self.target,
            Step(begin, look, _EFFECT_DEADLINE_S),
            Step(end, back, self.ready_deadline_s),
            (Remedy("start", self.target),),
        )

    def _turn(self, control: Control, clock: Clock, loop: _Loop) -> None:
        try:
            while not loop.stop.is_set():
                state = control.state(self.target).state
                if state == "running" and (not self.serve_first or self._serves()):
                    control.kill(self.target, "SIGKILL")
                    loop.crashes += 1
                elif state == "exited":
                    control.start(self.target)
                clock.sleep_s(_POLL_S)
        except SimError as error:
            loop.failure = str(error)

    def _serves(self) -> bool:
        try:
            return self.ready()
        except SimError:
            return False
