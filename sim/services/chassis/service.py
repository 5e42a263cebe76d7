"""A service as data: its routes with their handlers, the events it hears, its migrations, its chores.

Handlers are plain functions, run in worker threads with blocking drivers; the chassis owns the event loop. A handler
answers a value (encoded as JSON with the route's status), :class:`Reply` for another status, or raises
:class:`~sim.services.contract.problem.Problem`. A driver's error that says a dependency is gone becomes 503 by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import msgspec

from sim.services.contract.access import Identity
from sim.services.contract.problem import Problem
from sim.services.contract.route import Route

Row: TypeAlias = Mapping[str, Any]


class Transaction(Protocol):
    """One MySQL transaction. Leaving the ``with`` commits it, an exception rolls it back.

    Deadlocks (1213) and lock time-outs (1205) raise, and the chassis tries the whole handler again, up to three times.
    """

    def execute(self, sql: str, *values: Any) -> int:
        """Affected rows. Values are bound with ``%s``, never formatted in. IntegrityError is pymysql's own."""
        ...

    def row(self, sql: str, *values: Any) -> Row | None: ...
    def rows(self, sql: str, *values: Any) -> Sequence[Row]: ...

    def emit(self, event: str, payload: msgspec.Struct) -> str:
        """Write an event of the catalogue to the outbox, published after the commit, surely; its message id."""
        ...

    def answer(self, body: Any, status: int | None = None) -> Reply:
        """The reply to return, remembered with the call's message id: the same call again is answered, not done."""
        ...


class Cache(Protocol):
    """Redis, keys below the service's own prefix. Every call raises CacheGone when Redis does not answer at once."""

    def get(self, key: str) -> bytes | None: ...
    def set(self, key: str, value: bytes | str, expires_s: int) -> None: ...
    def delete(self, *keys: str) -> None: ...
    def add(self, key: str, value: bytes | str, expires_s: int) -> bool:
        """Set only if absent (SET NX)."""
        ...

    def delete_matching(self, pattern: str) -> int:
        """SCAN and delete."""
        ...


class CacheGone(Exception):  # noqa: N818 - a state to go on without, not a failure
    """Redis is not there; go on without it where the contract allows."""


class Bucket(Protocol):
    """The service's own bucket. Raises Problem 503 when the store does not answer."""

    name: str

    def put(self, key: str, body: bytes, content_type: str) -> None: ...
    def get(self, key: str) -> bytes: ...
    def size_bytes(self, key: str) -> int | None:
        """None when there is no such object."""
        ...

    def delete(self, key: str) -> None: ...
    def public_url(self, key: str) -> str: ...
    def presigned_put(self, key: str, expires_s: int) -> str: ...
    def presigned_get(self, key: str, expires_s: int) -> str: ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that ended in a dead-letter queue: why (``rejected``, ``delivery_limit``, ``expired``), from where."""

    message_id: str
    queue: str
    reason: str
    deaths: int
    kind: str
    first_death_at_s: float
    headers: Mapping[str, Any]
    body: bytes


class Messaging(Protocol):
    """The broker as its coordinator sees it. Raises Problem 503 when no node answers."""

    def declare(self) -> None:
        """Exchanges, queues and bindings of the contract; declaring them again changes nothing."""
        ...

    def depths(self) -> Mapping[str, tuple[int, int]]:
        """Queue → (messages ready, consumers)."""
        ...

    def dead_letters(self, deployment: str, limit: int) -> Sequence[DeadLetter]:
        """Look without taking: every one goes back to its place."""
        ...

    def requeue(self, deployment: str, message_ids: Sequence[str] | None = None) -> int:
        """Publish dead letters to the queue they died in, confirmed, then acknowledge them; how many (None: all)."""
        ...


class Context(Protocol):
    """What a handler may use. Asking for a cache or bucket the service did not declare is a programming error."""

    service: str
    settings: Mapping[str, str]

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Raises Problem 503 when the database does not answer."""
        ...

    @property
    def cache(self) -> Cache: ...
    @property
    def bucket(self) -> Bucket: ...
    @property
    def messaging(self) -> Messaging:
        """Of the messages-broker service alone."""
        ...

    def ask(
        self,
        route: Route,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: msgspec.Struct | None = None,
        as_: Identity | None = None,
        message_id: str | None = None,
        timeout_s: float = 3.0,
    ) -> Any:
        """Call another service's route over the broker; the decoded ``route.answers``.

        Raises Problem as the other answered it, 503 when it cannot be reached, 504 when it does not answer.
        """
        ...

    def log(self, level: str, message: str, **fields: Any) -> None:
        """One JSON line, with the trace at hand."""
        ...

    def measure(self, name: str, value: float) -> None:
        """Show a number of the service's own on its metrics page, as ``service_measure`` of that name."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its handler sees it: path parameters, decoded query and body, the verified caller."""

    route: Route
    path: Mapping[str, str]
    query: Any
    body: Any
    identity: Identity | None
    message_id: str
    context: Context

    @property
    def caller(self) -> Identity:
        """The caller. Raises Problem 401 for a stranger, which a route that is not public has answered before."""
        if self.identity is None:
            raise Problem(401, "Sign in first.")
        return self.identity


@dataclass(frozen=True, slots=True)
class Event:
    """``payload`` is decoded to what the catalogue says it carries; ``published_at_s`` is Unix seconds."""

    name: str
    message_id: str
    payload: Any
    publisher: str
    published_at_s: float
    context: Context


@dataclass(frozen=True, slots=True)
class Reply:
    """A status other than the route's own, or headers beside it."""

    body: Any = None
    status: int = 200
    retry_after_s: float | None = None


Handler: TypeAlias = Callable[[Call], Any]
EventHandler: TypeAlias = Callable[[Event, Transaction], None]
"""Runs inside the transaction that remembers the event's id, so that it is done once."""


@dataclass(frozen=True, slots=True)
class Chore:
    """Something done every ``every_s`` while the service is up (by each replica: write it so that two do no harm)."""

    name: str
    every_s: float
    run: Callable[[Context], None]


@dataclass(frozen=True, slots=True)
class Service:
    """``migrations`` is the package that holds ``0001_name.sql``…, empty for a service without a database.

    ``prepare`` runs once after the migrations and before requests are served (first rows, bucket content); it must be
    safe to run again, and by several replicas at once.
    """

    key: str
    routes: Sequence[Route]
    handlers: Mapping[str, Handler]
    events: Mapping[str, EventHandler] = field(default_factory=dict)
    migrations: str = ""
    uses_cache: bool = False
    uses_bucket: bool = False
    coordinates_broker: bool = False
    chores: Sequence[Chore] = ()
    prepare: Callable[[Context], None] | None = None
    settings: Sequence[str] = ()
    """Names of the environment variables of its own it cannot start without."""

    def unhandled(self) -> Iterator[str]:
        """Routes without a handler and handlers without a route: a service with any does not start."""
        names = {route.name for route in self.routes}
        yield from sorted(names ^ set(self.handlers))
