"""The head of a request is bounded in size and in time, and what is wrong with it is answered as a problem."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from sim.services.chassis.http import listening
from sim.services.gateway.protocol import LARGEST_HEAD_BYTES, BoundedProtocol


class _Impatient(BoundedProtocol):
    head_timeout_s = 0.05


async def _hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


def _talk(*sent: bytes) -> bytes:
    """Send piece after piece; everything that came back until the connection was closed."""

    async def talk() -> bytes:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        async with listening(_hello, "127.0.0.1", port, protocol=_Impatient, keep_alive_s=1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in sent:
                writer.write(piece)
                await writer.drain()
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer

    return asyncio.run(talk())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * LARGEST_HEAD_BYTES + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 408),
        (b"GE", 408),
    ],
)
def test_a_head_is_answered_for_what_it_is(sent: bytes, status: int) -> None:
    """Too large, too slow or no HTTP: a problem, and the connection is closed."""
    head, _, body = _talk(sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    if status != 200:
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == status


def test_who_says_nothing_is_not_kept() -> None:
    """A connection on which nothing was ever sent is closed like one that fell silent."""
    assert _talk() == b""


def test_a_second_request_may_take_its_time() -> None:
    """The clock of the head starts with its first byte, not with the connection."""
    one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert _talk(one, one).count(b"HTTP/1.1 200") == 2
