"""A gateway of a few lines on a loopback port: answers every request of a journey as it should, or as it is told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_CREATED = {"/api/sav": "ticket_id", "/api/orders/checkout": "order_id"}


@dataclass(slots=True)
class TinyGateway:
    """``status`` decides over each (method, path); ``delay_s`` holds every answer back; ``seen`` is what came.

    ``upload_url`` is handed out in place of one of its own.
    """

    status: Callable[[str, str], int | None] = lambda _method, _path: None
    delay_s: Callable[[float], float] = lambda _now_s: 0.0
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    upload_url: str = ""
    connections: int = 0


def _answer(tiny: TinyGateway, method: str, path: str) -> tuple[int, dict[str, Any]]:
    told = tiny.status(method, path)
    if told is not None:
        return told, {}
    if path.endswith("/attachments"):
        upload = tiny.upload_url or f"{tiny.url}/bucket/lid.png?signed=1"
        return 201, {"attachment": {"attachment_id": "a-1"}, "url": upload}
    if method == "POST" and path in _CREATED:
        return 201, {_CREATED[path]: "t-1"}
    items = [{"sku": "A-1", "name": "Oak lamp", "available": 9, "slug": "lamps"}]
    return 200, {"items": items, "access_token": "fresh", "address_id": "a-1"}


class _Connection(asyncio.Protocol):
    def __init__(self, tiny: TinyGateway) -> None:
        self._tiny = tiny
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tiny.connections += 1
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, path, _ = lines[0].split(" ")
        self._tiny.seen.append((method, path, headers))
        status, document = _answer(self._tiny, method, path.partition("?")[0])
        body = json.dumps(document).encode()
        reply = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        loop = asyncio.get_running_loop()
        loop.call_later(self._tiny.delay_s(loop.time()), self._transport.write, reply.encode() + body)


@contextmanager
def tiny_gateway() -> Iterator[TinyGateway]:
    tiny, loop = TinyGateway(), asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: _Connection(tiny), "127.0.0.1", 0))
    tiny.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield tiny
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        server.close()
        loop.close()
