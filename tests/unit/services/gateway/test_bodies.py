"""Bodies are read under a limit, and are JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sim.services.gateway.bodies import ClientGone, Receive, check_is_json, read_body
from sim.services.gateway.refusals import Refusal


def _receiving(parts: Sequence[bytes], *, end: bool = True) -> tuple[Receive, list[int]]:
    """What comes, part by part, then the end or a disconnect; and how many parts were asked for."""
    asked: list[int] = []

    async def receive() -> dict[str, Any]:
        number = len(asked)
        asked.append(number)
        if number < len(parts):
            return {"type": "http.request", "body": parts[number], "more_body": not end or number < len(parts) - 1}
        return {"type": "http.disconnect"}

    return receive, asked


def _read(receive: Receive, length: bytes | None, *, expects_continue: bool = False) -> bytes:
    return asyncio.run(read_body(receive, length, 10, expects_continue=expects_continue))


@pytest.mark.parametrize("parts", [[b""], [b"0123456789"], [b"01234", b"56789"], [b"a", b"", b"b"]])
def test_a_body_within_the_limit_is_whole(parts: list[bytes]) -> None:
    """However it is cut on the way."""
    assert _read(_receiving(parts)[0], None) == b"".join(parts)


def test_a_body_declared_too_large_is_refused_unread_by_who_waits_to_send() -> None:
    """Nothing is asked for of a client that waits for 100 Continue, and the connection is closed."""
    receive, asked = _receiving([b"x" * 11])
    with pytest.raises(Refusal) as refused:
        _read(receive, b"11", expects_continue=True)
    assert refused.value.status == 413
    assert (b"connection", b"close") in refused.value.headers
    assert asked == []


@pytest.mark.parametrize("length", [b"11", None])
def test_a_body_too_large_is_read_to_its_end_and_refused(length: bytes | None) -> None:
    """Declared or chunked: who has begun to send hears the answer, and the connection can go on."""
    receive, asked = _receiving([b"x" * 6, b"x" * 5, b"x" * 50])
    with pytest.raises(Refusal) as refused:
        _read(receive, length)
    assert refused.value.status == 413
    assert refused.value.headers == ()
    assert len(asked) == 3


def test_a_client_that_leaves_is_noticed() -> None:
    """Half a body is nobody's request."""
    with pytest.raises(ClientGone):
        _read(_receiving([b"x"], end=False)[0], None)


@pytest.mark.parametrize(
    "content_type",
    [b"application/json", b"application/json; charset=utf-8", b"Application/JSON;charset=UTF-8", b"application/a+json"],
)
def test_json_is_taken(content_type: bytes) -> None:
    """In any case, with the one charset JSON has."""
    check_is_json(content_type)


@pytest.mark.parametrize(
    "content_type", [None, b"", b"text/plain", b"text/json", b"application/json; charset=latin-1", b"application/xml"]
)
def test_anything_else_is_not(content_type: bytes | None) -> None:
    """415, saying what is."""
    with pytest.raises(Refusal) as refused:
        check_is_json(content_type)
    assert refused.value.status == 415
