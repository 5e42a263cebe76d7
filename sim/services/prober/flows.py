"""Connections that stay open between questions: whether a flow outlives a change of policy."""

from __future__ import annotations

import errno
import select
import socket
import time

from sim.services.prober.listeners import Listeners
from sim.services.prober.namespaces import Namespaces
from sim.services.prober.outcomes import CONNECTED, DROPPED, FAILED, REFUSED, Answer, elapsed_ms, failure

_POLL_S = 0.005


class Flows:
    """By a key of the asker's. The other end is one of our own listeners, which echoes."""

    def __init__(self, namespaces: Namespaces, listeners: Listeners, poll: select.epoll) -> None:
        self._namespaces, self._listeners, self._poll = namespaces, listeners, poll
        self._open: dict[str, socket.socket] = {}

    def open(self, key: str, pod: str, address: str, port: int, timeout_s: float) -> Answer:
        """Connected once the listener's own line has come."""
        began_s = time.monotonic()
        try:
            made = self._namespaces.socket(pod, socket.SOCK_STREAM)
        except (OSError, KeyError) as error:
            return FAILED, elapsed_ms(began_s), str(error)
        code = made.connect_ex((address, port))
        if code not in {0, errno.EINPROGRESS}:
            made.close()
            return failure(code, began_s)
        self._open[key] = made
        return self._hear(made, began_s, timeout_s)

    def ask(self, key: str, timeout_s: float) -> Answer:
        """Whether bytes still go there and back."""
        began_s = time.monotonic()
        made = self._open.get(key)
        if made is None:
            return FAILED, 0.0, f"no open connection {key!r}"
        try:
            made.send(b"still there?\n")
        except OSError as error:
            return failure(error, began_s)
        return self._hear(made, began_s, timeout_s)

    def shut(self) -> list[Answer]:
        """Ends them all; there is nothing to answer."""
        for made in self._open.values():
            made.close()
        self._open = {}
        return []

    def _hear(self, made: socket.socket, began_s: float, timeout_s: float) -> Answer:
        while time.monotonic() < began_s + timeout_s:
            try:
                said = made.recv(2048)
            except OSError as error:
                if error.errno not in {errno.EAGAIN, errno.ENOTCONN}:
                    return failure(error, began_s)
            else:
                return (CONNECTED, elapsed_ms(began_s), said.decode("latin-1")) if said else _closed(began_s)
            for descriptor, _ in self._poll.poll(_POLL_S):
                self._listeners.serve(descriptor)
        return DROPPED, elapsed_ms(began_s), "no answer"


def _closed(began_s: float) -> Answer:
    return REFUSED, elapsed_ms(began_s), "closed"
