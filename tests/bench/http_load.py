"""A cheap HTTP client for load: so many requests under way at a time, or so many a second."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import uvloop

_REPLY_TIMEOUT_S = 10.0
_CLIENTS = 200


@dataclass(frozen=True, slots=True)
class Target:
    """What to GET, and where."""

    host: str
    port: int
    path: str

    def requests(self) -> Iterator[bytes]:
        """Without end: as if from many clients in turn, so that none of them asks more often than it may."""
        head = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAccept: application/json\r\n"
        return itertools.cycle(
            [f"{head}X-Forwarded-For: 198.18.0.{number}\r\n\r\n".encode() for number in range(1, _CLIENTS + 1)]
        )


class _Connection(asyncio.Protocol):
    """One keep-alive connection: the cheapest client that reads a status and a whole body."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but their ancestry.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(str(exc)))

    def ask(self, request: bytes) -> asyncio.Future[int]:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or self._waiting is None:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        if len(body) >= length:
            self._buffer = body[length:]
            self._waiting.set_result(int(head[9:12]))

    def close(self) -> None:
        self._transport.close()


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it should have been sent, how long until its answer from then on, and its status."""

    intended_s: float
    latency_s: float
    status: int


def http_rate(target: Target, under_way: int, seconds: float) -> tuple[float, int]:
    """(200s a second, other statuses), with ``under_way`` requests unanswered at any time."""

    async def load() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        requests = target.requests()
        stop_s = time.monotonic() + seconds
        good = bad = 0

        async def one() -> None:
            nonlocal good, bad
            _, connection = await loop.create_connection(_Connection, target.host, target.port)
            while time.monotonic() < stop_s:
                status = await asyncio.wait_for(connection.ask(next(requests)), _REPLY_TIMEOUT_S)
                if status == 200:
                    good += 1
                else:
                    bad += 1
            connection.close()

        start_s = time.monotonic()
        await asyncio.gather(*(one() for _ in range(under_way)))
        return good / (time.monotonic() - start_s), bad

    return uvloop.run(load())


def http_latencies(target: Target, rate_per_s: float, seconds: float, connections: int) -> Sequence[Sample]:
    """Open loop: one request every 1/rate, whatever became of the others; latency from the intended instant."""

    async def load() -> list[Sample]:
        loop = asyncio.get_running_loop()
        requests = target.requests()
        idle: asyncio.Queue[_Connection] = asyncio.Queue()
        for _ in range(connections):
            idle.put_nowait((await loop.create_connection(_Connection, target.host, target.port))[1])
        samples: list[Sample] = []

        async def one(intended_s: float) -> None:
            connection = await idle.get()
            status = await asyncio.wait_for(connection.ask(next(requests)), _REPLY_TIMEOUT_S)
            samples.append(Sample(intended_s, time.monotonic() - intended_s, status))
            idle.put_nowait(connection)

        start_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate_per_s * seconds)):
                due_s = start_s + number / rate_per_s
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
                group.create_task(one(due_s))
        while not idle.empty():
            idle.get_nowait().close()
        return samples

    return uvloop.run(load())
