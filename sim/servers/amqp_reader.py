"""Taking messages over one connection at a time, by ``basic.consume`` or ``basic.get``, and answering for each."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from sim.clock import Clock
from sim.errors import Refused, SimError, Unreachable
from sim.servers.amqp import AmqpLink, AmqpMessage
from sim.servers.messaging_protocol import ConsumerMode, Taken

_DIAL_TIMEOUT_S = 1.0
_CALL_TIMEOUT_S = 5.0
_PAUSE_S = 0.05
_DELIVERY_COUNT = "x-delivery-count"


class ReconnectingConsumer:
    """Implements :class:`sim.servers.messaging_protocol.Consumer`. ``dial`` opens a link to one node."""

    def __init__(
        self,
        nodes: Sequence[str],
        dial: Callable[[str, float], AmqpLink],
        clock: Clock,
        rng: random.Random,
        *,
        queue: str,
        mode: ConsumerMode,
        prefetch: int,
    ) -> None:
        self._queue = queue
        self._mode = mode
        self._prefetch = prefetch
        self._nodes = nodes
        self._dial = dial
        self._clock = clock
        self._link: AmqpLink | None = None
        self._links = 0
        self._next = rng.randrange(len(nodes))

    def take(self, wait_s: float) -> Sequence[Taken]:
        ends_s = self._clock.now_s() + wait_s
        try:
            link = self._connected()
            came = self._ask(link) if self._mode == "polling" else self._hear(link, wait_s)
        except (Refused, Unreachable):
            self.die()
            came = ()
        if not came:
            self._clock.sleep_s(min(_PAUSE_S, max(0.0, ends_s - self._clock.now_s())))
        return came

    def _ask(self, link: AmqpLink) -> Sequence[Taken]:
        message = link.get(self._queue, timeout_s=_CALL_TIMEOUT_S)
        return () if message is None else (self._taken(message),)

    def _hear(self, link: AmqpLink, wait_s: float) -> Sequence[Taken]:
        link.pump(lambda: bool(link.received) or link.cancelled or not link.is_open, wait_s)
        came = [self._taken(message) for message in link.received]
        link.received.clear()
        if not came and (link.cancelled or not link.is_open):
            raise Unreachable(f"{link.name} stopped delivering.")
        return came

    def acknowledge(self, taken: Taken) -> bool:
        return self._answer(taken, lambda link: link.acknowledge(taken.tag))

    def reject(self, taken: Taken, *, requeue: bool) -> bool:
        return self._answer(taken, lambda link: link.reject(taken.tag, requeue=requeue))

    def die(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.abort()
            self._next = (self._next + 1) % len(self._nodes)

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _answer(self, taken: Taken, say: Callable[[AmqpLink], None]) -> bool:
        if self._link is None or taken.link != self._links:
            return False
        try:
            say(self._link)
            self._link.pump(_never, 0.0)  # hands it to the socket, and notices a loss
        except SimError:
            return False
        return self._link.is_open

    def _taken(self, message: AmqpMessage) -> Taken:
        deliveries = int(message.headers.get(_DELIVERY_COUNT, 0))
        return Taken(message.body, message.redelivered, deliveries, self._links, message.tag, message.headers)

    def _connected(self) -> AmqpLink:
        """The present link, else one to the next node. Raises Refused or Unreachable; the next call asks another."""
        if self._link is None:
            node = self._nodes[self._next]
            self._next = (self._next + 1) % len(self._nodes)
            link = self._dial(node, _DIAL_TIMEOUT_S)
            try:
                if self._mode == "async":
                    link.consume(self._queue, prefetch=self._prefetch, timeout_s=_CALL_TIMEOUT_S)
            except (Refused, Unreachable):
                link.abort()
                raise
            self._link = link
            self._links += 1
        return self._link


def _never() -> bool:
    return False
