"""Healing as data: what undoes a fault, written down before the fault is put in force.

A rig that dies in the middle of a fault takes its ``with`` blocks with it. What it wrote down outlives it, so that the
watchdog, the next command or a sweep can mend what was broken. A tenth noun beside the nine: a Fault is code that runs
in one process, and its undoing must be able to run in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sim.errors import RigError, SimError
from sim.scenario import Control

Verb = Literal["start", "unpause", "limit", "image", "network", "inside"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """One step of undoing, right in whatever state it finds the server.

    ``start`` and ``unpause`` act only where needed; ``limit`` gives back ``memory_bytes`` and ``cpu_cores`` (0 for
    unlimited, None for untouched); ``image`` the image of the plan; ``network`` runs ``argv`` with ``stdin`` in the
    pod's network namespace, ``inside`` runs ``argv`` in the server's container.
    """

    verb: Verb
    server: str
    argv: tuple[str, ...] = ()
    stdin: str = ""
    memory_bytes: int | None = None
    cpu_cores: float | None = None

    def apply(self, control: Control) -> None:
        """Raises SimError when the engine would not."""
        match self.verb:
            case "start":
                if control.state(self.server).state in {"exited", "created"}:
                    control.start(self.server)
            case "unpause":
                if control.state(self.server).state == "paused":
                    control.unpause(self.server)
            case "limit":
                control.limit(self.server, memory_bytes=self.memory_bytes, cpu_cores=self.cpu_cores)
            case "image":
                control.replace(self.server, "")
            case "network":
                self._require(*control.in_network(self.server, self.argv, self.stdin))
            case "inside":
                if control.state(self.server).state == "running":
                    self._require(*control.execute(self.server, self.argv))

    def _require(self, code: int, output: str) -> None:
        if code != 0:
            raise RigError(f"{' '.join(self.argv[:3])} for {self.server} ended with {code}.", evidence=output[-300:])


@dataclass(frozen=True, slots=True)
class Pledge:
    """A fault in force and its undoing. ``by_hand``: someone put it there to stay until they say otherwise."""

    fault: str
    targets: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    began_at: str
    by_hand: bool = False
    options: str = ""


def apply_all(remedies: Sequence[Remedy], control: Control) -> None:
    """Every one, whatever became of those before; raises the first error when all were tried."""
    first: SimError | None = None
    for remedy in remedies:
        try:
            remedy.apply(control)
        except SimError as error:
            first = first or error
    if first is not None:
        raise first
