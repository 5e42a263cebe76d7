"""A server that answers at once, or after a drawn delay, on a core of its own: what a generator is measured by."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

_BODY = b'{"items": [], "service": "bench"}'
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
_START_S = 20.0
_USUAL_S, _RARE_S, _RARE_SHARE = 0.004, 0.06, 0.04


class _Answering(asyncio.Protocol):
    def __init__(self, rng: random.Random | None) -> None:
        self._rng = rng
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            _, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if self._rng is None:
                self._transport.write(_REPLY)
            else:
                usual_s = self._rng.expovariate(1 / _USUAL_S)
                delay_s = usual_s + (_RARE_S if self._rng.random() < _RARE_SHARE else 0.0)
                asyncio.get_running_loop().call_later(delay_s, self._transport.write, _REPLY)


def _serve(port: Any, core: int, *, delayed: bool) -> None:
    os.sched_setaffinity(0, {core})

    async def run() -> None:
        rng = random.Random(1) if delayed else None  # noqa: S311 - repeatable, not secret
        server = await asyncio.get_running_loop().create_server(lambda: _Answering(rng), "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await asyncio.Event().wait()

    uvloop.run(run())


@contextmanager
def answering(core: int, *, delayed: bool = False) -> Iterator[int]:
    """Its port on loopback. ``delayed``: after an exponential 4 ms, and one answer in 25 takes 60 ms more."""
    context = multiprocessing.get_context("spawn")
    port = context.Value("i", 0)
    process = context.Process(target=_serve, args=(port, core), kwargs={"delayed": delayed}, daemon=True)
    process.start()
    try:
        _await(port, process)
        yield int(port.value)
    finally:
        process.kill()
        process.join(5)


def _await(port: Any, process: Any) -> None:
    import time  # noqa: PLC0415 - only here

    ends_s = time.monotonic() + _START_S
    while not port.value and process.is_alive() and time.monotonic() < ends_s:
        time.sleep(0.02)
    if not port.value:
        raise SystemExit("the bench's server did not start")
