"""Requests as they come over AMQP: believed in nothing, and either understood or a dead letter."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sim.services.chassis.amqp import Properties
from sim.services.chassis.router import LONGEST_PATH
from sim.services.contract.access import Identity
from sim.services.contract.message import (
    DEADLINE,
    DIRECT_REPLY_TO,
    IDENTITY,
    METHOD,
    PATH,
    PROBLEM_JSON,
    QUERY,
    REPLY,
    REQUEST,
    RETRY_AFTER,
    STATUS,
    TRACEPARENT,
)
from sim.services.contract.message import JSON as JSON_TYPE
from sim.services.contract.problem import Problem

LONGEST_ID: Final = 64
_DIRECT: Final = f"{DIRECT_REPLY_TO}."
# Erlang's external term format: version, NEW_PID_EXT, the node's name as an atom (long or short), then these numbers.
_PROCESS_NUMBERS_BYTES: Final = 12
_identity: Final = msgspec.json.Decoder(Identity)
_encode: Final = msgspec.json.Encoder().encode


class Malformed(Exception):  # noqa: N818 - a verdict on a message
    """Not a request of the contract: a dead letter, since there may be nobody to answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """``deadline_s`` is Unix seconds; 0 where the caller gave none."""

    method: str
    path: str
    query: str
    identity: Identity | None
    deadline_s: float
    traceparent: object
    message_id: str
    correlation_id: str
    reply_to: str
    app_id: str


def read_request(properties: Any) -> Request:
    """Raises Malformed with the first thing that is wrong."""
    headers = properties.headers or {}
    if properties.type != REQUEST:
        raise Malformed(f"type is {str(properties.type)[:32]!r}, not {REQUEST!r}")
    method, path, query = headers.get(METHOD), headers.get(PATH), headers.get(QUERY, "")
    if not isinstance(method, str) or not isinstance(path, str) or not isinstance(query, str):
        raise Malformed("method, path or query is missing or not text")
    if len(path) > LONGEST_PATH:
        raise Malformed("path is too long")
    message_id = properties.message_id
    if not isinstance(message_id, str) or not 0 < len(message_id) <= LONGEST_ID or not message_id.isascii():
        raise Malformed(f"message_id is not 1 to {LONGEST_ID} ASCII characters")
    # The driver hands on as bytes what is not UTF-8.
    others = (properties.reply_to or "", properties.correlation_id or "", properties.app_id or "")
    if not all(isinstance(other, str) for other in others):
        raise Malformed("reply_to, correlation_id or app_id is not text")
    reply_to, correlation_id, app_id = others
    if not reply_to:
        raise Malformed("reply_to is missing")
    if not is_reply_address(reply_to):
        raise Malformed("reply_to is no address of the broker's")
    deadline = headers.get(DEADLINE, 0)
    if not isinstance(deadline, int):
        raise Malformed("deadline is not a number of milliseconds")
    return Request(
        method=method,
        path=path,
        query=query,
        identity=_read_identity(headers.get(IDENTITY)),
        deadline_s=deadline / 1000,
        traceparent=headers.get(TRACEPARENT),
        message_id=message_id,
        correlation_id=correlation_id,
        reply_to=reply_to,
        app_id=app_id,
    )


def is_reply_address(reply_to: str) -> bool:
    """Whether it is safe to publish to.

    A direct reply-to names an Erlang process. RabbitMQ (4.0 seen) answers a reply to a name that does not decode with
    INTERNAL_ERROR and closes the connection, so one forged request could cut off one replica after the other.
    """
    if not reply_to.startswith(_DIRECT):
        return True
    process, dot, _key = reply_to.removeprefix(_DIRECT).partition(".")
    try:
        encoded = base64.b64decode(process, validate=True)
    except ValueError:
        return False
    long, short = encoded.startswith(b"\x83Xv"), encoded.startswith(b"\x83Xw")
    if not dot or not (long or short):
        return False
    node_bytes = int.from_bytes(encoded[3:5]) if long else encoded[3] if len(encoded) > 3 else 0
    return len(encoded) == (5 if long else 4) + node_bytes + _PROCESS_NUMBERS_BYTES


def _read_identity(text: object) -> Identity | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise Malformed("identity is not text")
    try:
        return _identity.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Malformed("identity is not an identity") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, encoded."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    retry_after_s: float | None = None

    def properties(self, correlation_id: str) -> Any:
        headers: dict[str, Any] = {STATUS: self.status}
        if self.retry_after_s is not None:
            headers[RETRY_AFTER] = max(1, round(self.retry_after_s))
        return Properties(
            content_type=self.content_type, headers=headers, correlation_id=correlation_id, type=REPLY, delivery_mode=1
        )


def answer_of(body: Any, status: int, retry_after_s: float | None = None) -> Answer:
    return Answer(status, b"" if body is None else _encode(body), retry_after_s=retry_after_s)


def problem_answer(problem: Problem) -> Answer:
    return Answer(problem.status, _encode(problem.document()), PROBLEM_JSON, problem.retry_after_s)


def problem_of(status: int, body: bytes, retry_after_s: float | None) -> Problem:
    """Another service's problem, to be raised here as it was there."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        document = {}
    extra = {name: value for name, value in document.items() if name not in {"type", "title", "status", "detail"}}
    taken = {"self", "kind", "retry_after_s"}
    return Problem(
        status,
        str(document.get("detail", "The answer said no more.")),
        kind=str(document.get("type", "about:blank")),
        retry_after_s=retry_after_s,
        **{name: value for name, value in extra.items() if name not in taken},
    )
