"""uvicorn's HTTP protocol with a bound on the head of a request, and its refusals as problems like all the others."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sim.services.chassis.tracing import continue_trace
from sim.services.gateway.answers import SECURITY_HEADERS, problem_answer
from sim.services.gateway.gathering import Gathering
from sim.services.gateway.refusals import Refusal

LARGEST_HEAD_BYTES: Final = 32 * 1024
MOST_HEADERS: Final = 100
HEAD_TIMEOUT_S: Final = 10.0
_LINGER_S: Final = 1.0


class _HeadTooLarge(Exception):  # noqa: N818 - aborts the parser, which reports no reason of its own
    pass


class BoundedProtocol(HttpToolsProtocol):
    """Answers a head that is too large with 431, one that does not come with 408, what is no HTTP with 400, and closes.

    Who trickles header after header in is not let hold a connection for ever.
    """

    head_timeout_s = HEAD_TIMEOUT_S
    _head_timer: asyncio.TimerHandle | None = None
    _head_begun = False
    _head_bytes = 0
    _headers_seen = 0
    _refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type] # a transport in all but name
        # Who connects and says nothing is closed like one that fell silent.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        self._head_bytes = self._headers_seen = 0
        self._head_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers_seen += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        # Most heads come whole, and need no timer.
        if self._head_begun and self._head_timer is None and not self._refused:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_is_late)

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > LARGEST_HEAD_BYTES or self._headers_seen > MOST_HEADERS:
            raise _HeadTooLarge

    def _head_is_here(self) -> None:
        self._head_begun = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._refuse(Refusal(408, "slow-head", f"The request's head did not come within {self.head_timeout_s:g} s."))

    def send_400_response(self, msg: str) -> None:
        del msg
        if self._head_bytes > LARGEST_HEAD_BYTES or self._headers_seen > MOST_HEADERS:
            detail = f"The request's head is over {LARGEST_HEAD_BYTES} bytes or {MOST_HEADERS} fields."
            self._refuse(Refusal(431, "head-too-large", detail))
        else:
            self._refuse(Refusal(400, "malformed-request", "That is not a request in HTTP/1.1."))

    def _refuse(self, refusal: Refusal) -> None:
        self._head_is_here()
        if self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            # An answer is under way on this connection: another in its midst would be read as part of it.
            self.transport.close()
            return
        answer = problem_answer(refusal, "/", continue_trace(None).trace_id)
        lines = [STATUS_LINE[answer.status]]
        for name, value in (
            (b"content-type", answer.content_type),
            (b"content-length", str(len(answer.body)).encode()),
            (b"connection", b"close"),
            *answer.headers,
            *SECURITY_HEADERS,
        ):
            lines += [name, b": ", value, b"\r\n"]
        self.transport.write(b"".join([*lines, b"\r\n", answer.body]))
        # Closing with bytes unread resets the connection, and the answer may be lost with it: half-close, then linger.
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(_LINGER_S, self._close)
        else:
            self.transport.close()

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
