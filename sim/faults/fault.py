"""A fault: put in force, shown to have taken effect, always healed, and written down at each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from sim.errors import RigError, SimError
from sim.history import Outcome
from sim.scenario import Control, Stage

FAULT = "fault"
"""The operation of every fault; ``detail`` has its ``name``, the ``phase`` and the ``evidence`` that it worked."""
INJECT = "inject"
HEAL = "heal"

_POLL_S = 0.05
_EFFECT_DEADLINE_S = 5.0


class Fault(Protocol):
    """One way to break one server."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> str: ...

    def inject(self, stage: Stage) -> AbstractContextManager[bool]:
        """In force inside the ``with`` block, healed when it is left, whichever way. Yields whether it took effect.

        Two observations of operation ``fault`` tell of it: OK when the fault, or its healing, was seen to work, FAILED
        when it was not. Raises RigError when it could not be healed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a state was seen, and what was seen of it."""

    seen: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Step:
    """One half of a fault: what to do, and how to see within ``deadline_s`` that it worked."""

    act: Callable[[Control], None]
    look: Callable[[Control], Sight]
    deadline_s: float = _EFFECT_DEADLINE_S


@contextmanager
def in_force(stage: Stage, name: str, target: str, break_it: Step, mend_it: Step) -> Iterator[bool]:
    """What every fault's ``inject`` returns."""
    try:
        yield _take(stage, break_it, name, target, INJECT).seen
    finally:
        mended = _take(stage, mend_it, name, target, HEAL)
        if not mended.seen:
            raise RigError(
                f"{target} did not come back within {mend_it.deadline_s:g} s after {name}.",
                evidence=mended.evidence,
                next_step=f"sim logs {target}",
            )


def _take(stage: Stage, step: Step, name: str, target: str, phase: str) -> Sight:
    """Act, wait for the effect, and record it at the moment of the action."""
    began_s = stage.clock.now_s()
    try:
        step.act(stage.control)
        sight = _wait(stage, step)
    except SimError as error:
        sight = Sight(seen=False, evidence=str(error))
    stage.record_at(
        began_s,
        FAULT,
        target,
        Outcome.OK if sight.seen else Outcome.FAILED,
        actor="fault",
        name=name,
        phase=phase,
        evidence=sight.evidence,
        effect_after_s=round(stage.clock.now_s() - began_s, 4),
    )
    return sight


def _wait(stage: Stage, step: Step) -> Sight:
    ends_s = stage.clock.now_s() + step.deadline_s
    while not (sight := step.look(stage.control)).seen and stage.clock.now_s() < ends_s:
        stage.clock.sleep_s(_POLL_S)
    return sight
