"""Messages are believed in nothing: understood, or a dead letter."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sim.services.chassis.amqp import Properties
from sim.services.chassis.wire import Malformed, answer_of, is_reply_address, problem_answer, problem_of, read_request
from sim.services.contract.access import Identity
from sim.services.contract.problem import Problem

IDENTITY = Identity("u-1", "u@example.com", ("customer",), ("products.write",), "t-1")


def _properties(headers: dict[str, Any] | None = None, **changes: Any) -> Any:
    whole = {"method": "GET", "path": "/x", "deadline": 5000, **(headers or {})}
    given = {"type": "request", "message_id": "m-1", "reply_to": "r", "correlation_id": "c", "app_id": "api-gateway"}
    return Properties(headers={name: value for name, value in whole.items() if value is not None}, **(given | changes))


def test_a_whole_request_is_understood() -> None:
    """Identity decoded, deadline in seconds, the query raw."""
    request = read_request(_properties({"identity": msgspec.json.encode(IDENTITY).decode(), "query": "a=b"}))
    assert (request.identity, request.deadline_s, request.query) == (IDENTITY, 5.0, "a=b")
    assert read_request(_properties({"deadline": None})).deadline_s == 0


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ({}, {"type": None}),
        ({}, {"type": "reply"}),
        ({"method": None}, {}),
        ({"method": 7}, {}),
        ({"path": None}, {}),
        ({"path": b"\xff"}, {}),
        ({"path": "/" * 3000}, {}),
        ({"query": ["a"]}, {}),
        ({"deadline": "soon"}, {}),
        ({"identity": "{"}, {}),
        ({"identity": '{"user_id": 1}'}, {}),
        ({"identity": 5}, {}),
        ({}, {"message_id": None}),
        ({}, {"message_id": "é"}),
        ({}, {"message_id": "m" * 65}),
        ({}, {"reply_to": None}),
        ({}, {"reply_to": b"\xff"}),
        ({}, {"correlation_id": b"\xff"}),
        ({}, {"app_id": b"\xff"}),
    ],
)
def test_whatever_is_wrong_makes_it_malformed(headers: dict[str, Any], changes: dict[str, Any]) -> None:
    """One thing wrong is enough, and it is the only kind of error."""
    with pytest.raises(Malformed):
        read_request(_properties(headers, **changes))


ADDRESS = "amq.rabbitmq.reply-to.g1h2AA5yZXBseUA0NTQ1MDAwNgAAAm4AAAAAawTy7g==.hFGZHMM9QXbm5kPQS32dYA=="


def test_a_reply_address_is_a_queue_or_whole() -> None:
    """What RabbitMQ itself wrote passes, any queue's name too; a direct one cut short or garbled does not."""
    assert is_reply_address(ADDRESS)
    assert is_reply_address("a-queue-of-the-callers-own")
    process = ADDRESS.split(".")[3]
    for wrong in ("g1h2AA.bogus==", f"{process}", f"{process[:-8]}.key", "é.key", ".", "g1h2.k", f"{process}x.key"):
        assert not is_reply_address(f"amq.rabbitmq.reply-to.{wrong}"), wrong
    with pytest.raises(Malformed):
        read_request(_properties(reply_to="amq.rabbitmq.reply-to.g1h2AA.bogus=="))


def test_no_headers_at_all_is_malformed() -> None:
    """A message of somebody who never heard of us."""
    with pytest.raises(Malformed):
        read_request(Properties())


def test_an_answer_carries_status_and_type() -> None:
    """JSON for a value, no body for none, a whole number of seconds to wait."""
    answer = answer_of({"a": 1}, 201)
    assert (answer.body, answer.properties("c").headers) == (b'{"a":1}', {"status": 201})
    assert answer_of(None, 204).body == b""
    refusal = problem_answer(Problem(503, "gone", retry_after_s=0.2))
    assert refusal.properties("c").headers == {"status": 503, "retry-after": 1}
    assert refusal.properties("c").content_type == "application/problem+json"


def test_a_problem_survives_the_way_through_another_service() -> None:
    """Status, detail, kind and extra fields arrive as they were raised; nonsense is still a problem."""
    body = problem_answer(Problem(409, "short", kind="urn:short", missing=["A"])).body
    problem = problem_of(409, body, None)
    assert (problem.status, problem.detail, problem.kind, problem.extra) == (
        409,
        "short",
        "urn:short",
        {"missing": ["A"]},
    )
    assert problem_of(500, b"<html>", None).status == 500
    assert problem_of(409, b'{"self": 1, "kind": 2, "retry_after_s": 3, "more": 4}', None).extra == {"more": 4}
