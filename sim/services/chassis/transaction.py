"""A handler's transaction: its statements, the events it emits, the answer it remembers; all of it or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from sim.services.chassis import inbox, outbox
from sim.services.chassis.database import Database, Session
from sim.services.chassis.service import Reply, Row
from sim.services.chassis.tracing import current_trace
from sim.services.contract.events import EVENT_BY_NAME

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Claim:
    """The changing request a transaction belongs to; ``status`` is its route's own."""

    message_id: str
    fingerprint: bytes
    status: int


class SqlTransaction:
    """A Transaction of the chassis (see ``service.py``) on one session."""

    def __init__(self, session: Session, service_key: str, claim: Claim | None) -> None:
        self._session = session
        self._service_key = service_key
        self._claim = claim
        self.answered = False
        self.emitted = False

    def execute(self, sql: str, *values: Any) -> int:
        return self._session.execute(sql, values)

    def row(self, sql: str, *values: Any) -> Row | None:
        return self._session.row(sql, values)

    def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        return self._session.rows(sql, values)

    def emit(self, event: str, payload: msgspec.Struct) -> str:
        kind = EVENT_BY_NAME[event]
        if kind.publisher != self._service_key or type(payload) is not kind.carries:
            raise TypeError(f"{event} is {kind.publisher}'s and carries {kind.carries.__name__}")
        message_id = str(uuid.uuid4())
        trace = current_trace()
        outbox.write(self._session, message_id, event, _encode(payload), trace.traceparent if trace else "")
        self.emitted = True
        return message_id

    def answer(self, body: Any, status: int | None = None) -> Reply:
        if self._claim is None:
            return Reply(body, 200 if status is None else status)
        status = self._claim.status if status is None else status
        encoded = b"" if body is None else _encode(body)
        inbox.remember(self._session, self._claim.message_id, status, encoded)
        self.answered = True
        return Reply(msgspec.Raw(encoded) if encoded else None, status)


@contextmanager
def transaction(
    database: Database, service_key: str, claim: Claim | None, committed: Callable[[], None]
) -> Iterator[SqlTransaction]:
    """``committed`` is called after a commit that left events in the outbox."""
    with database.session() as session:
        if claim is not None:
            inbox.claim_request(session, claim.message_id, claim.fingerprint)
        opened = SqlTransaction(session, service_key, claim)
        yield opened
        if claim is not None and not opened.answered:
            inbox.forget(session, claim.message_id)
    if opened.emitted:
        committed()


@contextmanager
def event_transaction(
    database: Database, service_key: str, message_id: str, committed: Callable[[], None]
) -> Iterator[SqlTransaction]:
    """The transaction of an event's effects. Raises AlreadyDone."""
    with database.session() as session:
        inbox.claim_event(session, message_id)
        opened = SqlTransaction(session, service_key, None)
        yield opened
    if opened.emitted:
        committed()
