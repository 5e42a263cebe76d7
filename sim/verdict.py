"""Three-valued verdicts and how they add up: worst wins, and no evidence is UNKNOWN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    PASS = "PASS"  # noqa: S105 - a verdict
    UNKNOWN = "UNKNOWN"
    FAIL = "FAIL"


_BADNESS = {Status.PASS: 0, Status.UNKNOWN: 1, Status.FAIL: 2}


class Fidelity(StrEnum):
    """How near the server that ran is to the documented one, best first."""

    DOCUMENTED = "documented"
    SAME_SOFTWARE = "same-software"
    STAND_IN = "stand-in"


_DISTANCE = {Fidelity.DOCUMENTED: 0, Fidelity.SAME_SOFTWARE: 1, Fidelity.STAND_IN: 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement. ``evidence`` are sentences a reader can check; ``numbers`` carry their unit in the name.

    ``beyond_fidelity`` marks an UNKNOWN whose only reason is that the server that ran is not the documented one: it is
    listed apart and leaves the exit code alone unless the run is strict. So is a FAIL with a ``contradiction``: the
    document's own (``C5``), known beforehand, and nothing else went wrong.
    """

    status: Status
    reason: str
    evidence: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    beyond_fidelity: bool = False
    contradiction: str = ""


def passed(reason: str, *evidence: str, numbers: Mapping[str, float] | None = None) -> Verdict:
    return Verdict(Status.PASS, reason, evidence, numbers or {})


def failed(reason: str, *evidence: str, numbers: Mapping[str, float] | None = None) -> Verdict:
    return Verdict(Status.FAIL, reason, evidence, numbers or {})


def unknown(reason: str, *evidence: str, numbers: Mapping[str, float] | None = None) -> Verdict:
    return Verdict(Status.UNKNOWN, reason, evidence, numbers or {})


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of them; UNKNOWN when there is none, because nothing was shown."""
    return max(statuses, key=_BADNESS.__getitem__, default=Status.UNKNOWN)


def furthest(fidelities: Iterable[Fidelity]) -> Fidelity:
    """The fidelity farthest from the document; DOCUMENTED when no server took part."""
    return max(fidelities, key=_DISTANCE.__getitem__, default=Fidelity.DOCUMENTED)
