"""What is remembered of a request, and what a second one under its id is told."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pymysql
import pytest

from sim.services.chassis.database import Session
from sim.services.chassis.inbox import (
    LONGEST_ID,
    claim_event,
    claim_request,
    fingerprint,
    recall,
    refusal,
    remember_refusal,
)
from sim.services.chassis.outcomes import AlreadyAnswered, AlreadyDone, Contention
from sim.services.contract.problem import Problem

PRINT = fingerprint(b"/orders", b"", b"{}")


class _Taken:
    """A session whose inbox holds the id already, with ``known`` in its row."""

    def __init__(self, known: dict[str, Any] | None, code: int = 1062) -> None:
        self._known = known
        self._code = code

    def execute(self, *_arguments: Any) -> int:
        raise pymysql.err.IntegrityError(self._code, "taken")

    def row(self, *_arguments: Any) -> dict[str, Any] | None:
        return self._known


def _claim(known: dict[str, Any] | None) -> None:
    claim_request(cast("Session", _Taken(known)), "m", PRINT)


def test_fingerprints_tell_requests_apart() -> None:
    """By every part and by where one ends and the next begins."""
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")
    assert fingerprint(b"ab", b"c") == fingerprint(b"ab", b"c")
    assert len(PRINT) == 16


def test_the_same_request_again_is_answered_as_before() -> None:
    """Its status and its body, byte for byte."""
    with pytest.raises(AlreadyAnswered) as raised:
        _claim({"fingerprint": PRINT, "status": 201, "body": b'{"order_id":"1"}'})
    assert raised.value.reply.status == 201
    assert msgspec.json.encode(raised.value.reply.body) == b'{"order_id":"1"}'
    assert recall(204, b"").body is None


def test_another_request_under_the_same_id_is_refused() -> None:
    """It must neither be done nor be told somebody else's answer."""
    with pytest.raises(Problem) as raised:
        _claim({"fingerprint": fingerprint(b"other"), "status": 201, "body": b"{}"})
    assert raised.value.status == 422


def test_a_claim_undone_meanwhile_is_tried_again() -> None:
    """The first delivery rolled back between the refusal and the look."""
    with pytest.raises(Contention):
        _claim(None)


def test_an_event_again_is_done_already() -> None:
    """Other integrity errors stay what they are."""
    with pytest.raises(AlreadyDone):
        claim_event(cast("Session", _Taken(None)), "m")
    with pytest.raises(pymysql.err.IntegrityError):
        claim_event(cast("Session", _Taken(None, code=1452)), "m")


class _Rows:
    """A session over an inbox in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def execute(self, _sql: str, values: tuple[Any, ...]) -> int:
        self.rows[values[0]] = dict(zip(("fingerprint", "status", "body"), values[1:], strict=True))
        return 1

    def row(self, _sql: str, values: tuple[Any, ...]) -> dict[str, Any] | None:
        return self.rows.get(values[0])


def test_a_refusal_is_known_to_its_own_request_until_that_is_done() -> None:
    """The latest one; not to another request under the same id, and not once the request has succeeded."""
    inbox = _Rows()
    session, longest = cast("Session", inbox), "m" * 64
    assert refusal(session, longest, PRINT) is None
    remember_refusal(session, longest, PRINT, 409, b"{}")
    remember_refusal(session, longest, PRINT, 404, b"[]")
    assert refusal(session, longest, PRINT) == (404, b"[]")
    assert refusal(session, longest, fingerprint(b"other")) is None
    assert refusal(session, "another", PRINT) is None
    assert all(len(key) <= LONGEST_ID for key in inbox.rows)
    inbox.rows[longest] = {"fingerprint": PRINT, "status": 201, "body": b"{}"}
    assert refusal(session, longest, PRINT) is None
