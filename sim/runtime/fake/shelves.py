"""Shelves of entries in memory, and what each forgets when its server is killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sim.errors import Unreachable
from sim.history import Outcome
from sim.runtime.fake.processes import FakeProcesses
from sim.servers.messaging_protocol import Settled

_WORK_S = 0.002


@dataclass(slots=True)
class FakeEntries:
    """Entry → when it was acknowledged, on every shelf of one server by its name.

    ``forgets_s``: how much of the latest a death takes, by the settings of that moment. ``halves`` are entries of which
    only a half is there.
    """

    forgets_s: Callable[[], float]
    shelves: dict[str, dict[str, float]] = field(default_factory=dict)
    halves: set[str] = field(default_factory=set)

    def die(self, now_s: float) -> None:
        oldest_s = now_s - self.forgets_s()
        for name, shelf in self.shelves.items():
            self.shelves[name] = {entry: at_s for entry, at_s in shelf.items() if at_s < oldest_s}


class FakeShelf:
    """The client of one shelf. ``can_begin`` where something can be left half-way."""

    def __init__(
        self, server: str, name: str, entries: FakeEntries, processes: FakeProcesses, *, can_begin: bool = True
    ) -> None:
        self._server = server
        self._name = name
        self._entries = entries
        self._processes = processes
        self._can_begin = can_begin

    def _shelf(self) -> dict[str, float]:
        self._processes.require(self._server)
        return self._entries.shelves.setdefault(self._name, {})

    def write(self, id: str) -> Settled:  # noqa: A002 - the entry's name
        try:
            self._shelf()
        except Unreachable as error:
            return Settled(id, Outcome.FAILED, error.what)
        starts = self._processes[self._server].starts
        self._processes.clock.sleep_s(_WORK_S)
        with self._processes.lock:
            if not self._processes.answers(self._server) or self._processes[self._server].starts != starts:
                return Settled(id, Outcome.UNSURE, f"{self._server} went away before it answered.")
            self._shelf()[id] = self._processes.clock.now_s()
        return Settled(id, Outcome.OK)

    def begin(self, id: str) -> bool:  # noqa: A002 - the entry's name
        return self._can_begin and bool(id) and self._processes.answers(self._server)

    def inventory(self) -> Mapping[str, bool]:
        with self._processes.lock:
            return {entry: entry not in self._entries.halves for entry in self._shelf()}

    def clear(self) -> None:
        self._shelf()
        with self._processes.lock:
            self._entries.shelves.pop(self._name, None)

    def close(self) -> None:
        """Nothing is held."""
