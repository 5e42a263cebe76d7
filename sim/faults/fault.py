"""A fault: put in force, shown to have taken effect, always healed, and written down at each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol

from sim.errors import RigError, SimError
from sim.history import Outcome
from sim.remedy import Pledge, Remedy, apply_all
from sim.scenario import Control, Stage

FAULT = "fault"
"""The operation of every fault; ``detail`` has its ``name``, the ``phase`` and the ``evidence`` that it worked."""
INJECT = "inject"
HEAL = "heal"

_POLL_S = 0.05
_EFFECT_DEADLINE_S = 5.0


class Handle(Protocol):
    """In force inside the ``with`` block, healed when it is left, whichever way. Entering says if it took effect."""

    def __enter__(self) -> bool: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def leave(self, options: str = "") -> None:
        """Keep it in force after this process, until someone heals it by hand."""
        ...


class Fault(Protocol):
    """One way to break one server, or several."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> str: ...

    def inject(self, stage: Stage) -> Handle:
        """Nothing happens before the handle is entered.

        Two observations of operation ``fault`` tell of it: OK when the fault, or its healing, was seen to work, FAILED
        when it was not. Raises RigError when it could not be healed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a state was seen, and what was seen of it; ``detail`` goes into the history beside the evidence."""

    seen: bool
    evidence: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One half of a fault: what to do, and how to see within ``deadline_s`` that it worked."""

    act: Callable[[Control], None]
    look: Callable[[Control], Sight]
    deadline_s: float = _EFFECT_DEADLINE_S


class InForce(AbstractContextManager[bool]):
    """What every fault's ``inject`` returns.

    Its remedies are on record from before it is put in force until it is healed, so that someone else can apply them.
    """

    def __init__(
        self,
        stage: Stage,
        name: str,
        target: str,
        halves: tuple[Step, Step],
        remedies: Sequence[Remedy],
    ) -> None:
        self._stage = stage
        self._name = name
        self._target = target
        self._break_it, self._mend_it = halves
        self._pledge = Pledge(
            fault=name,
            targets=tuple(target.split(",")),
            remedies=tuple(remedies),
            began_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    def __enter__(self) -> bool:
        self._stage.control.pledge(self._pledge)
        try:
            return self._take(self._break_it, INJECT).seen
        except BaseException:
            self._heal()  # an interrupt between the act and the sight of it
            raise

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._heal()

    def leave(self, options: str = "") -> None:
        control = self._stage.control
        kept = self._pledge
        control.redeem(kept)
        control.pledge(Pledge(kept.fault, kept.targets, kept.remedies, kept.began_at, by_hand=True, options=options))

    def _heal(self) -> None:
        mended = self._take(self._mend_it, HEAL)
        if not mended.seen:
            raise RigError(
                f"{self._target} did not come back within {self._mend_it.deadline_s:g} s after {self._name}.",
                evidence=mended.evidence,
                next_step=f"sim logs {self._target.partition(',')[0]}",
            )
        self._stage.control.redeem(self._pledge)

    def _take(self, step: Step, phase: str) -> Sight:
        """Act, wait for the effect, and record it at the moment of the action."""
        stage = self._stage
        began_s = stage.clock.now_s()
        try:
            step.act(stage.control)
            sight = _wait(stage, step)
        except SimError as error:
            sight = Sight(seen=False, evidence=str(error))
        stage.record_at(
            began_s,
            FAULT,
            self._target,
            Outcome.OK if sight.seen else Outcome.FAILED,
            actor="fault",
            **{
                **sight.detail,
                "name": self._name,
                "phase": phase,
                "evidence": sight.evidence,
                "effect_after_s": round(stage.clock.now_s() - began_s, 4),
            },
        )
        return sight


def in_force(  # noqa: PLR0917 - the sentence a fault is: where, what, whom, how broken, how mended
    stage: Stage, name: str, target: str, break_it: Step, mend_it: Step, remedies: Sequence[Remedy] = ()
) -> InForce:
    """The handle of one fault. ``target`` is a server's name, or several with commas between them."""
    return InForce(stage, name, target, (break_it, mend_it), remedies)


def mending(remedies: Sequence[Remedy], look: Callable[[Control], Sight], deadline_s: float = 10.0) -> Step:
    """The healing half of a fault whose undoing is all data."""
    return Step(lambda control: apply_all(remedies, control), look, deadline_s)


def _wait(stage: Stage, step: Step) -> Sight:
    ends_s = stage.clock.now_s() + step.deadline_s
    while not (sight := step.look(stage.control)).seen and stage.clock.now_s() < ends_s:
        stage.clock.sleep_s(_POLL_S)
    return sight
