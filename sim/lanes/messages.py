"""What the rig and a lane's process say to each other: pickled values over the process's standard streams.

Both ends are the same program of the same user, and nobody else has the pipes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sim.clock import Clock
from sim.errors import EXIT_BAD_INPUT, BadInput, RigError, SimError
from sim.images.model import ResolvedImage
from sim.plan.model import Plan
from sim.preparing import Wanted
from sim.record import Host, ScenarioResult, ServerRow, StartupSpan
from sim.runtime.rising import Phase


@dataclass(frozen=True, slots=True)
class Assignment:
    """The first word to a lane: which stack to raise, and where to write. ``history`` is this lane's own file.

    ``wanted.name`` is the stack's id; ``images`` are resolved already, and none on the fake.
    """

    number: int
    topology: str
    wanted: Wanted
    images: Mapping[str, ResolvedImage]
    seed: int
    runtime: str
    clock: Clock
    history: Path
    keep_on_failure: bool = False

    @property
    def stack(self) -> str:
        return self.wanted.name


@dataclass(frozen=True, slots=True)
class Play:
    """Rehearse one scenario. Times count from ``origin_s`` of the run's clock, which all lanes share."""

    name: str
    parameters: Mapping[str, float]
    origin_s: float


@dataclass(frozen=True, slots=True)
class Conclude:
    """Nothing more is played: close the history, judge it and tell of the stack."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Remove the stack, or leave it up, and end."""

    keep: bool


@dataclass(frozen=True, slots=True)
class Rising:
    """A server's progress while the stack goes up; any number of them before ``Up``."""

    server: str
    phase: Phase
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Up:
    """The stack stands. Told at once, so that a lane which dies later has not taken its secrets' names along."""

    plan: Plan
    secrets: Mapping[str, str]
    host: Host
    timeline: tuple[StartupSpan, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario is over. ``broken``: servers that did not come back after a fault of the rig's own."""

    interrupted: bool = False
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concluded:
    """The results of what was played here, each server as it is now, and the suspects' logs."""

    results: tuple[ScenarioResult, ...]
    servers: tuple[ServerRow, ...]
    logs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Left:
    """The stack is gone, or kept as was asked."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What was asked could not be done; a SimError in parts."""

    exit_code: int
    what: str
    evidence: str = ""
    next_step: str = ""

    @classmethod
    def of(cls, error: SimError) -> Failed:
        return cls(error.exit_code, error.what, error.evidence, error.next_step)

    def error(self) -> SimError:
        kind = BadInput if self.exit_code == EXIT_BAD_INPUT else RigError
        return kind(self.what, evidence=self.evidence, next_step=self.next_step)


Command = Assignment | Play | Conclude | Leave
Answer = Up | Played | Concluded | Left | Failed
