"""What goes back to a client: a status, a body, and the headers every answer carries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec

from sim.services.contract.message import JSON, PROBLEM_JSON
from sim.services.contract.problem import Problem
from sim.services.gateway.refusals import Header, Refusal

JSON_TYPE: Final = JSON.encode()
PROBLEM_TYPE: Final = PROBLEM_JSON.encode()
NO_STORE: Final[Header] = (b"cache-control", b"no-store")

SECURITY_HEADERS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
API_POLICY: Final[Header] = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Nothing of an API's answer is to be run or shown."""


@dataclass(slots=True)
class Answer:
    """``content_type`` is empty where there is no body at all."""

    status: int
    body: bytes = b""
    content_type: bytes = b""
    headers: list[Header] = field(default_factory=list)


def json_answer(status: int, document: Any, headers: Sequence[Header] = ()) -> Answer:
    return Answer(status, msgspec.json.encode(document), JSON_TYPE, list(headers))


def problem_answer(problem: Problem, instance: str, trace_id: str) -> Answer:
    """RFC 9457, with where it happened and under which trace to look it up."""
    document = {**problem.document(), "instance": instance, "trace_id": trace_id}
    answer = Answer(problem.status, msgspec.json.encode(document), PROBLEM_TYPE, [NO_STORE])
    if isinstance(problem, Refusal):
        answer.headers.extend(problem.headers)
    if problem.retry_after_s is not None:
        answer.headers.append(retry_after(problem.retry_after_s))
    return answer


def retry_after(seconds: float) -> Header:
    """Whole seconds, rounded up: to come too early is to be refused again."""
    return (b"retry-after", str(max(1, math.ceil(seconds))).encode())


def service_problem(status: int, body: bytes, instance: str, trace_id: str) -> Answer:
    """A service's error as it was said, or one in its place where it said none that can be read."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        document = {
            "type": "about:blank",
            "title": _phrase(status),
            "status": status,
            "detail": "The service gave no reason.",
        }
    document["instance"] = instance
    document["trace_id"] = trace_id
    return Answer(status, msgspec.json.encode(document), PROBLEM_TYPE, [NO_STORE])


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
