"""What one turn of the event loop writes to a connection, sent at once: the head and the body of an answer.

uvloop hands each write to the kernel by itself, and uvicorn writes head and body apart: two system calls, two segments,
and a client that wakes up twice.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Gathering:
    """An asyncio transport around another. Whatever ends the connection in order sends first what was written."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def write_eof(self) -> None:
        self._send()
        self._transport.write_eof()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            data = b"".join(self._written)
            self._written.clear()
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
