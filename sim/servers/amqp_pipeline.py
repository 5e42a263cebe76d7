"""Publishing with many confirms outstanding, over one connection at a time, to whichever node lets us in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.clock import Clock
from sim.errors import Refused, Unreachable
from sim.history import Outcome
from sim.servers.amqp import AmqpLink
from sim.servers.messaging_protocol import Settled

_DIAL_TIMEOUT_S = 1.0
_PAUSE_S = 0.01


class PipelinedPublisher:
    """Implements :class:`sim.servers.messaging_protocol.Pipeline`. ``dial`` opens a link to one node.

    When the connection is lost everything in flight is UNSURE, and so it is when one message goes unanswered for its
    time: a node that has stopped, not died, would hold every later message, too, so it is left.
    """

    def __init__(
        self, nodes: Sequence[str], dial: Callable[[str, float], AmqpLink], clock: Clock, rng: random.Random
    ) -> None:
        self._nodes = nodes
        self._dial = dial
        self._clock = clock
        self._link: AmqpLink | None = None
        self._next = rng.randrange(len(nodes))
        self._sent: dict[int, tuple[str, float]] = {}
        self._known: list[Settled] = []

    @property
    def in_flight(self) -> int:
        return len(self._sent)

    @property
    def node(self) -> str:
        link = self._link
        return link.name if link is not None else ""

    def send(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        id: str,  # noqa: A002 - it is AMQP's own message id
        persistent: bool,
        timeout_s: float,
        headers: Mapping[str, Any] | None = None,
    ) -> None:
        deadline_s = self._clock.now_s() + timeout_s
        try:
            link = self._connected(deadline_s)
            if link.blocked:
                self._known.append(Settled(id, Outcome.FAILED, f"not sent: blocked by the broker ({link.blocked})"))
                return
            tag = link.send(
                exchange, routing_key, body, persistent=persistent, headers=headers, properties={"message_id": id}
            )
        except (Refused, Unreachable) as error:
            message = f"not sent: {error.what} {error.evidence}".strip()
            self._known.append(Settled(id, Outcome.FAILED, message))
            return
        self._sent[tag] = (id, deadline_s)

    def settled(self, wait_s: float) -> Sequence[Settled]:
        link = self._link
        if link is not None:
            link.pump(lambda: link.has_fates or not link.is_open, wait_s)
            self._collect(link)
            if not link.is_open:
                self._give_up(f"connection to {link.name} lost before the confirm: {link.refusal()[1]}")
            elif self._overdue() and not link.blocked:
                self._give_up(f"no confirm from {link.name} in time")
        elif not self._known:
            self._clock.sleep_s(wait_s)
        known, self._known = self._known, []
        return known

    def finish(self, wait_s: float) -> Sequence[Settled]:
        ends_s = self._clock.now_s() + wait_s
        known: list[Settled] = []
        while self._sent and (left_s := ends_s - self._clock.now_s()) > 0:
            known += self.settled(left_s)
        self._give_up("no confirm before the end", goodbye=True)
        known, self._known = [*known, *self._known], []
        return known

    def _collect(self, link: AmqpLink) -> None:
        for tag, fate in link.take_fates().items():
            sent = self._sent.pop(tag, None)
            if sent is not None:
                outcome = Outcome.OK if fate == "acked" else Outcome.FAILED
                self._known.append(Settled(sent[0], outcome, "" if outcome is Outcome.OK else fate))

    def _overdue(self) -> bool:
        """The first sent is the first to be due."""
        first = next(iter(self._sent.values()), None)
        return first is not None and self._clock.now_s() >= first[1]

    def _give_up(self, reason: str, *, goodbye: bool = False) -> None:
        """Leave the link; whatever was in flight over it may have happened."""
        link, self._link = self._link, None
        if link is not None:
            if goodbye:
                link.close()
            else:
                link.abort()
            self._next = (self._next + 1) % len(self._nodes)
        self._known += [Settled(sent, Outcome.UNSURE, reason) for sent, _ in self._sent.values()]
        self._sent.clear()

    def _connected(self, deadline_s: float) -> AmqpLink:
        """The present link, else one to the next node that lets us in. Raises the last failure at the deadline."""
        while self._link is None:
            node = self._nodes[self._next]
            left_s = max(0.05, min(_DIAL_TIMEOUT_S, deadline_s - self._clock.now_s()))
            try:
                link = self._dial(node, left_s)
                try:
                    link.confirm_deliveries(left_s)
                except (Refused, Unreachable):
                    link.abort()
                    raise
                self._link = link
            except (Refused, Unreachable):
                self._next = (self._next + 1) % len(self._nodes)
                if self._clock.now_s() >= deadline_s:
                    raise
                self._clock.sleep_s(_PAUSE_S)
        return self._link
