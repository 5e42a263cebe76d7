"""A server by itself at a fixed rate: warm-up, measured, and a control in which it stands still for a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Generic, Protocol, TypeVar

from scenarios.throughput.crowd import put_in_force
from scenarios.throughput.recording import record
from sim.checks.load_history import CONTROL, MEASURED, WARM_UP
from sim.errors import SimError
from sim.faults.pause import Pause
from sim.load.cues import Cue
from sim.load.direct import DirectLoad, Worker
from sim.load.open_loop import Segment
from sim.scenario import Stage

WARM_UP_S = 2.0
MEASURED_S = 12.0
CONTROL_S = 4.0
STALL_S = 1.0


class _Closing(Protocol):
    def close(self) -> None: ...


Session = TypeVar("Session", bound=_Closing)


class Kept(Generic[Session]):
    """A connection that is opened when it is first needed, and anew after it failed."""

    def __init__(self, opened: Callable[[], Session]) -> None:
        self._opened = opened
        self._session: Session | None = None

    def use(self, act: Callable[[Session], None]) -> None:
        if self._session is None:
            self._session = self._opened()
        try:
            act(self._session)
        except SimError:
            self.close()
            raise

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def load_server(stage: Stage, server: str, workers: Sequence[Worker], segments: Sequence[Segment]) -> None:
    """Each segment in turn, on record; in the last, the control, the server is paused for a while."""
    engine = DirectLoad(workers, stage.clock, stage.rng, modelled=stage.servers.modelled)
    with ExitStack() as fault:
        for segment in segments:
            cues: Sequence[Cue] = ()
            if segment.name == CONTROL:
                cues = (
                    Cue(STALL_S, lambda: put_in_force(fault, Pause(server), stage)),
                    Cue(2 * STALL_S, fault.close),
                )
            record(stage, engine.name, server, engine.play(segment, cues))


def usual_segments(rate_per_s: float, measured_s: float = MEASURED_S) -> tuple[Segment, ...]:
    return (
        Segment(WARM_UP, rate_per_s, WARM_UP_S),
        Segment(MEASURED, rate_per_s, measured_s),
        Segment(CONTROL, rate_per_s, CONTROL_S),
    )
