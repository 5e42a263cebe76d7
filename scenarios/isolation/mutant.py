"""One opening in a wall, made on the live stack, tried, and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sim.checks.mutants import AFTER, BEFORE, MUTANT, SEEN
from sim.errors import SimError
from sim.history import History, Observation, Outcome
from sim.scenario import Stage

Probe = Callable[[Stage], None]
Probes = Mapping[str, Probe]


@dataclass(frozen=True, slots=True)
class Mutant:
    """``loosen`` opens, ``undo`` closes also what was only half opened.

    ``probes`` are the parts of checks, by the check's name, that this opening can touch: only they are put again.
    """

    name: str
    operator: str
    target: str
    loosen: Callable[[], object]
    undo: Callable[[], object]
    probes: Probes


def play(stage: Stage, control: Probes, mutants: Iterable[Mutant]) -> None:
    """The control (each check whole), every mutant one at a time, the control again."""
    for check, whole in control.items():
        _probe(stage, BEFORE, check, whole)
    for mutant in mutants:
        try:
            with _alive(mutant):
                for check, probe in mutant.probes.items():
                    _probe(stage, mutant.name, check, probe)
        except SimError as error:
            _record(stage, mutant, Outcome.UNSURE, str(error))
        else:
            _record(stage, mutant, Outcome.OK, "")
    for check, whole in control.items():
        _probe(stage, AFTER, check, whole)


@contextmanager
def _alive(mutant: Mutant) -> Iterator[None]:
    try:
        mutant.loosen()
        yield
    finally:
        mutant.undo()


def _record(stage: Stage, mutant: Mutant, outcome: Outcome, message: str) -> None:
    stage.record(MUTANT, mutant.target, outcome, name=mutant.name, operator=mutant.operator, message=message)


def _probe(stage: Stage, mutant: str, check: str, probe: Probe) -> None:
    """Put a check, or a part of it, and keep what it wrote under the mutant's name."""
    inner = History()
    try:
        probe(replace(stage, history=inner))
    finally:
        for seen in inner:
            detail = {"mutant": mutant, "check": check, "op": seen.op, "detail": dict(seen.detail)}
            stage.history.append(
                Observation(seen.t_s, stage.scenario, seen.actor, SEEN, seen.target, seen.outcome, detail)
            )
