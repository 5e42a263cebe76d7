"""What the shop has committed, what a call is, and the switches by which a test makes it dishonest."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sim.services.contract.access import Identity
from sim.services.contract.events import EVENT_BY_NAME
from sim.services.contract.problem import Problem
from sim.services.contract.route import Route

# Modelled time begins at an arbitrary origin; the shop's calendar begins here.
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Switches:
    """Each turns one kind of dishonesty on. All off is a shop that keeps its contract."""

    oversells: bool = False
    loses_outbox_when_killed: bool = False
    forgets_what_it_heard: bool = False
    skips_compensation: bool = False
    believes_any_token: bool = False
    asks_no_permission: bool = False
    asks_for_no_token: bool = False
    publishes_internal: bool = False
    shows_everybody: bool = False
    plain_errors: bool = False
    keeps_revoked_tokens: bool = False
    refreshes_twice: bool = False
    dies_of_poison: bool = False
    swallows_poison: bool = False
    answers_nobody: bool = False
    ignores_size: bool = False
    ignores_rates: bool = False
    waits_for_the_dead: bool = False
    needs_the_cache: bool = False
    never_recovers: bool = False
    opens_attachments: bool = False
    forgets_traces: bool = False
    one_replica_works: bool = False
    withholds: set[str] = field(default_factory=set)
    """Names of metrics that no pod shows."""
    health_status: dict[str, int] = field(default_factory=dict)
    """Kind of health → the status it answers."""
    wrong_status: dict[str, int] = field(default_factory=dict)
    """Route name → the status it answers instead of a refusal of its own."""
    loses_event: set[str] = field(default_factory=set)
    """Names of events that never arrive."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One event under way: published once it is due and its publisher is up."""

    message_id: str
    event: str
    payload: Any
    due_s: float
    trace_id: str


@dataclass(slots=True)
class Books:
    """What one service has committed. ``rows`` are its tables, by name, of whatever the service keeps there."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    outbox: list[Letter] = field(default_factory=list)
    waiting: list[Letter] = field(default_factory=list)
    heard: set[str] = field(default_factory=set)
    answered: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def table(self, name: str) -> dict[str, Any]:
        return self.rows.setdefault(name, {})


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its handler sees it."""

    route: Route
    path: Mapping[str, str]
    query: Any
    body: Any
    identity: Identity | None
    shop: Shelves
    trace_id: str

    @property
    def caller(self) -> Identity:
        if self.identity is None:
            raise Problem(401, "Sign in first.")
        return self.identity

    def rows(self, table: str) -> dict[str, Any]:
        """A table of the service that is called."""
        return self.shop.books[self.route.service].table(table)

    def emit(self, event: str, payload: msgspec.Struct) -> None:
        self.shop.emit(self.route.service, event, payload, self.trace_id)


Handler = Callable[[Call], Any]
Hearing = Callable[["Shelves", Any, str], None]
"""(shelves, payload, trace id): what a service does with an event."""


def _there(_service: str, _trace_id: str) -> None:
    """Everybody is there."""


@dataclass(slots=True)
class Shelves:
    """Everything committed, by service key, beside the clock and the luck that decide what happens next."""

    now_s: Callable[[], float]
    rng: random.Random
    books: dict[str, Books]
    switches: Switches = field(default_factory=Switches)
    ask: Callable[[str, str], None] = _there
    """One service asks another, in a trace. Raises Problem 503 when that cannot be asked."""
    publish_s: tuple[float, float] = (0.002, 0.012)
    """Shortest and longest time between a commit and its events' publication."""

    def emit(self, service: str, event: str, payload: msgspec.Struct, trace_id: str) -> None:
        known = EVENT_BY_NAME[event]
        if known.publisher != service:
            raise ValueError(f"{service} does not say {event}")
        due_s = self.now_s() + self.rng.uniform(*self.publish_s)
        self.books[service].outbox.append(Letter(self.new_id(), event, payload, due_s, trace_id))

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def calendar(self, ahead_s: float = 0.0) -> datetime:
        return _EPOCH + timedelta(seconds=self.now_s() + ahead_s)

    def stamp(self, ahead_s: float = 0.0) -> str:
        """ISO 8601, UTC."""
        return self.calendar(ahead_s).isoformat().replace("+00:00", "Z")


def page(items: list[Any], limit: int, after: str | None) -> tuple[tuple[Any, ...], str | None]:
    """One page of a list and the cursor of the next; the cursor is a position."""
    begin = int(after or 0)
    end = begin + limit
    return tuple(items[begin:end]), str(end) if end < len(items) else None
