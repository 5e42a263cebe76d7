"""Sockets that answer in a pod's place: TCP with a line of its own and an echo, UDP by keeping what arrived."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from contextlib import suppress

from sim.services.prober.namespaces import Namespaces, kind_of

_BACKLOG = 4096
_LINE_BYTES = 2048


class Listeners:
    """Served by whoever polls; ``arrived`` holds every datagram that came."""

    def __init__(self, namespaces: Namespaces, poll: select.epoll) -> None:
        self._namespaces, self._poll = namespaces, poll
        self._open: dict[int, tuple[socket.socket, str, bytes]] = {}
        self._lines: dict[int, socket.socket] = {}
        self.arrived: set[bytes] = set()

    def listen(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """(pod, protocol, port) each. Returns each one's reason for not being listened at; empty: it is."""
        return [self._listen(pod, protocol, port) for pod, protocol, port in places]

    def _listen(self, pod: str, protocol: str, port: int) -> str:
        try:
            made = self._namespaces.socket(pod, kind_of(protocol))
        except (OSError, KeyError) as error:
            return str(error)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(protocol == "TCP"))
            made.bind(("0.0.0.0", port))  # noqa: S104 - inside a pod, which nobody outside its stack reaches
            if protocol == "TCP":
                made.listen(_BACKLOG)
        except OSError as error:
            made.close()
            return error.strerror or str(error)
        self._open[made.fileno()] = (made, protocol, f"sim-listener {pod} {port}\n".encode())
        self._poll.register(made.fileno(), select.EPOLLIN)
        return ""

    def close(self) -> None:
        for made in [*self._lines.values(), *(made for made, *_ in self._open.values())]:
            self._poll.unregister(made.fileno())
            made.close()
        self._open, self._lines, self.arrived = {}, {}, set()

    def serve(self, descriptor: int) -> bool:
        """True when the event was one of theirs."""
        if descriptor in self._lines:
            self._echo(descriptor)
            return True
        if descriptor not in self._open:
            return False
        made, protocol, line = self._open[descriptor]
        with suppress(OSError):  # until there is nothing left
            while True:
                self._accept(made, line) if protocol == "TCP" else self._receive(made)
        return True

    def _accept(self, made: socket.socket, line: bytes) -> None:
        accepted, _ = made.accept()
        accepted.setblocking(False)  # noqa: FBT003 - the library's own signature
        self._lines[accepted.fileno()] = accepted
        self._poll.register(accepted.fileno(), select.EPOLLIN)
        with suppress(OSError):
            accepted.send(line)

    def _receive(self, made: socket.socket) -> None:
        token, sender = made.recvfrom(_LINE_BYTES)
        self.arrived.add(token)
        with suppress(OSError):
            made.sendto(token, sender)

    def _echo(self, descriptor: int) -> None:
        line = self._lines[descriptor]
        try:
            said = line.recv(_LINE_BYTES)
            if said:
                line.send(said)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._poll.unregister(descriptor)
        line.close()
        del self._lines[descriptor]
