"""Every edge at once: sockets that do not block, one wait for all, and no time-out that waits for another."""

from __future__ import annotations

import errno
import os
import resource
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sim.services.prober.listeners import Listeners
from sim.services.prober.namespaces import Namespaces, kind_of
from sim.services.prober.outcomes import CONNECTED, DROPPED, FAILED, Answer, elapsed_ms, failure
from sim.services.prober.source_ports import SourcePorts

Edge = tuple[str, str, str, int, str | None]
"""(pod, address, protocol, port, hello). ``hello`` None: to be connected is enough; else it is said, an answer read."""

_MOST_AT_ONCE: Final = 8192
_SPARE_DESCRIPTORS: Final = 512
_BURST: Final = 256
_EVENTS: Final = 4096
_GREETING_BYTES: Final = 64
# A reset instead of a farewell: thousands of closed connections would linger for a minute each.
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class _Attempt:
    """``token``: the datagram sent, empty for TCP; ``over`` once answered."""

    index: int
    socket: socket.socket
    hello: str | None
    token: bytes
    began_s: float
    greeted: bool = False
    over: bool = False


@dataclass(slots=True)
class Edges:
    """The attempts of one request. ``answers`` is filled in any order."""

    namespaces: Namespaces
    listeners: Listeners
    source_ports: SourcePorts
    poll: select.epoll
    timeout_s: float
    answers: list[Answer | None] = field(default_factory=list)
    _active: dict[int, _Attempt] = field(default_factory=dict)
    _queue: deque[_Attempt] = field(default_factory=deque)

    def probe(self, edges: Sequence[Edge]) -> list[Answer | None]:
        self.answers = [None] * len(edges)
        at_once, started = room_for_sockets(), 0
        while started < len(edges) or self._active:
            burst = min(len(edges), started + _BURST, started + at_once - len(self._active))
            while started < burst:
                self._start(started, edges[started])
                started += 1
            self._wait(hurried=started < len(edges) and len(self._active) < at_once)
        return self.answers

    def _start(self, index: int, edge: Edge) -> None:
        pod, address, protocol, port, hello = edge
        began_s = time.monotonic()
        try:
            made = self.namespaces.socket(pod, kind_of(protocol))
        except (OSError, KeyError) as error:
            self.answers[index] = (FAILED, 0.0, f"no socket in {pod}: {error}")
            return
        token = b"" if protocol == "TCP" else f"sim-probe {os.getpid()} {index} {began_s:.9f}".encode()
        try:
            if token:
                self.source_ports.bind(made, pod)
                made.connect((address, port))
                made.send(token)
                code = 0
            else:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                code = made.connect_ex((address, port))
        except OSError as error:
            code = error.errno or errno.EIO
        if code not in {0, errno.EINPROGRESS}:
            self.answers[index] = failure(code, began_s)
            made.close()
            return
        self.poll.register(made.fileno(), select.EPOLLIN if token else select.EPOLLOUT)
        attempt = _Attempt(index, made, hello, token, began_s)
        self._active[made.fileno()] = attempt
        self._queue.append(attempt)

    def _wait(self, *, hurried: bool) -> None:
        """Take what happened, all of it; only then give up on whoever has waited long enough.

        This process may itself have been kept waiting, with the answers already there.
        """
        while self._queue and self._queue[0].over:
            self._queue.popleft()
        pause_s = 0.0
        if not hurried and self._queue:
            pause_s = max(0.0, self._queue[0].began_s + self.timeout_s - time.monotonic())
        while events := self.poll.poll(pause_s, _EVENTS):
            pause_s = 0.0
            for descriptor, _ in events:
                attempt = self._active.get(descriptor)
                if attempt is not None:
                    self._advance(attempt)
                else:
                    self.listeners.serve(descriptor)
            if hurried:
                break
        now_s = time.monotonic()
        while self._queue and (self._queue[0].over or self._queue[0].began_s + self.timeout_s <= now_s):
            attempt = self._queue.popleft()
            if not attempt.over:
                self._end(attempt, self._late(attempt))

    def _late(self, attempt: _Attempt) -> Answer:
        waited_ms = elapsed_ms(attempt.began_s)
        if attempt.token:
            if attempt.token in self.listeners.arrived:
                return CONNECTED, waited_ms, "the receiver has it; its reply did not come back"
            return DROPPED, waited_ms, "neither receiver nor sender heard of it"
        return (CONNECTED, waited_ms, "no greeting") if attempt.greeted else (DROPPED, waited_ms, "no answer")

    def _advance(self, attempt: _Attempt) -> None:
        if attempt.token:
            self._end(attempt, self._replied(attempt))
        elif attempt.greeted:
            self._end(attempt, self._greeting(attempt))
        else:
            self._connected(attempt)

    def _replied(self, attempt: _Attempt) -> Answer:
        try:
            attempt.socket.recv(2048)
        except OSError as error:
            return failure(error, attempt.began_s)
        return CONNECTED, elapsed_ms(attempt.began_s), "received and answered"

    def _connected(self, attempt: _Attempt) -> None:
        code = attempt.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._end(attempt, failure(code, attempt.began_s))
        elif attempt.hello is None:
            self._end(attempt, (CONNECTED, elapsed_ms(attempt.began_s), ""))
        else:
            attempt.greeted = True
            with suppress(OSError):
                attempt.socket.send(attempt.hello.encode("latin-1"))
            self.poll.modify(attempt.socket.fileno(), select.EPOLLIN)

    def _greeting(self, attempt: _Attempt) -> Answer:
        try:
            said = attempt.socket.recv(_GREETING_BYTES)
        except OSError as error:
            return CONNECTED, elapsed_ms(attempt.began_s), f"then {error.strerror}"
        return CONNECTED, elapsed_ms(attempt.began_s), said.decode("latin-1") or "closed without a greeting"

    def _end(self, attempt: _Attempt, answer: Answer) -> None:
        self.poll.unregister(attempt.socket.fileno())
        del self._active[attempt.socket.fileno()]
        attempt.socket.close()
        attempt.over = True
        self.answers[attempt.index] = answer


def room_for_sockets() -> int:
    """How many may be open at once, after as many as the system lets us have were asked for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_BURST, min(_MOST_AT_ONCE, allowed - _SPARE_DESCRIPTORS))
