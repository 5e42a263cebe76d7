"""Back to how a modelled platform was when it was made: every part compared with its first state, and put back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.fresh import Reset, Restored

if TYPE_CHECKING:
    from sim.runtime.fake.platform import FakePlatform

_BROKER = ("vhosts", "users", "permissions", "exchanges", "alternates", "policies", "bindings")
_BOOKS = ("rows", "outbox", "waiting", "heard", "answered")
_DOORMAN = ("users", "passwords", "refreshes", "sessions", "failures", "revoked")
_STATES = {
    "database": ("schemas", "accounts", "rows", "held"),
    "objects": ("buckets",),
    "cache": ("values", "streams", "users"),
}


@dataclass(slots=True)
class FakeResets:
    """Made when the platform is whole. ``clings``: parts that keep what they have, whatever they are told."""

    platform: FakePlatform
    clings: set[str] = field(default_factory=set)
    fresh: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.fresh = {part: copy.deepcopy(self._held(owner, names)) for part, _, owner, names in self._parts()}
        self.fresh["queues"] = {q.name: dict(q.arguments) for q in self.platform.broker.queues.values()}

    def run(self) -> Reset:
        clock, processes = self.platform.processes.clock, self.platform.processes
        began_s = clock.now_s()
        for spec in self.platform.plan.servers:
            processes.freeze(spec.name, frozen=False)
            processes.start(spec.name)
        ends_s = began_s + 4 * processes.boot_s
        while clock.now_s() < ends_s and not all(processes.answers(s.name) for s in self.platform.plan.servers):
            clock.sleep_s(processes.boot_s / 4)
        with processes.lock:
            restored = tuple(self._put_back(*part) for part in self._parts())
            restored = (*restored, self._empty_queues(), *self._clear_ledgers())
        return Reset(restored, clock.now_s() - began_s)

    def unlike(self) -> tuple[str, ...]:
        """Parts that are not as they were."""
        wrong = [part for part, _, owner, names in self._parts() if self._held(owner, names) != self.fresh[part]]
        ledgers = [name for name, entries in self._ledgers().items() if any(entries.shelves.values())]
        queues = self.platform.broker.queues
        known = self.fresh["queues"]
        changed = [name for name in {*queues, *known} if name not in known or name not in queues]
        filled = [name for name, queue in queues.items() if queue.messages or queue.pending]
        return (*wrong, *ledgers, *(f"queue {name}" for name in sorted({*changed, *filled})))

    def _parts(self) -> tuple[tuple[str, str, Any, tuple[str, ...]], ...]:
        platform = self.platform
        kept: Mapping[str, Mapping[str, Any]] = {
            "database": platform.databases,
            "objects": platform.objects,
            "cache": platform.caches,
        }
        stores = [(name, kind, one, _STATES[kind]) for kind, held in kept.items() for name, one in held.items()]
        books = [(f"books of {key}", "database", one, _BOOKS) for key, one in platform.shop.shelves.books.items()]
        return (
            *stores,
            *books,
            ("accounts", "database", platform.shop.doorman, _DOORMAN),
            ("the broker", "broker", platform.broker, _BROKER),
        )

    def _ledgers(self) -> dict[str, Any]:
        platform = self.platform
        return {
            f"ledgers of {name}": state.entries
            for held in (platform.databases, platform.objects, platform.caches)
            for name, state in held.items()
        }

    def _held(self, owner: Any, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(owner, name) for name in names}

    def _put_back(self, part: str, kind: str, owner: Any, names: tuple[str, ...]) -> Restored:
        held = self._held(owner, names)
        found = tuple(name for name in names if held[name] != self.fresh[part][name])
        if part in self.clings:
            return Restored(part, kind, found, found)
        for name in found:
            setattr(owner, name, copy.deepcopy(self.fresh[part][name]))
        return Restored(part, kind, found, removed=len(found))

    def _empty_queues(self) -> Restored:
        broker, known = self.platform.broker, self.fresh["queues"]
        found = [f"{name} holds {len(queue.messages)}" for name, queue in broker.queues.items() if queue.messages]
        found += [f"queues {name}" for name in broker.queues if name not in known]
        if "queues" in self.clings:
            return Restored("queues", "broker", tuple(found), tuple(found))
        for name in [name for name in broker.queues if name not in known]:
            del broker.queues[name]
        for name, arguments in known.items():
            queue = broker.declare(name, arguments, None)
            queue.messages.clear()
            queue.pending.clear()
        return Restored("queues", "broker", tuple(found), removed=len(found))

    def _clear_ledgers(self) -> list[Restored]:
        cleared = []
        for name, entries in self._ledgers().items():
            found = tuple(shelf for shelf, held in entries.shelves.items() if held)
            entries.shelves.clear()
            cleared.append(Restored(name, "database", found, removed=len(found)))
        return cleared
