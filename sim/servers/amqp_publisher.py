"""Confirmed publishing that survives the loss of a broker: the fate of each message is known or said to be unknown."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.clock import Clock
from sim.errors import Refused, Unreachable
from sim.history import Outcome
from sim.servers.amqp import AmqpLink
from sim.servers.protocol import Confirm

_DIAL_TIMEOUT_S = 1.0
_BACKOFF_START_S = 0.05
_BACKOFF_MAX_S = 1.0
# The broker closes the channel with these before it routes anything, so the message surely went nowhere.
_SURELY_REFUSED = frozenset({"403", "404", "405", "406"})


class ConfirmedPublisher:
    """One message in flight at a time; one thread owns it. ``dial`` opens a link to one node.

    OK: acked. FAILED: nacked, returned as unroutable, refused, or never sent. UNSURE: sent, and then the connection was
    lost or no answer came in time; the connection is then given up, because a node that has stopped (not died) would
    hold every later message too. Latency counts from the call, reconnecting included. A broker tells a connection that
    it is blocked only once it publishes: the first message of an alarm is UNSURE, those after it FAILED.
    """

    def __init__(
        self, nodes: Sequence[str], dial: Callable[[str, float], AmqpLink], clock: Clock, rng: random.Random
    ) -> None:
        self._nodes = list(nodes)
        self._dial = dial
        self._clock = clock
        self._rng = rng
        self._link: AmqpLink | None = None
        self._next = rng.randrange(len(self._nodes))

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        persistent: bool = True,
        timeout_s: float = 5.0,
        headers: Mapping[str, Any] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> Confirm:
        began_s = self._clock.now_s()
        deadline_s = began_s + timeout_s

        def confirm(outcome: Outcome, message: str = "") -> Confirm:
            return Confirm(outcome, self._clock.now_s() - began_s, message)

        try:
            link = self._connected(deadline_s)
            if link.blocked and not self._unblocked(link, deadline_s):
                return confirm(Outcome.FAILED, f"not sent: connection blocked by the broker ({link.blocked})")
            if self._clock.now_s() >= deadline_s:
                return confirm(Outcome.FAILED, f"not sent: connected only after {timeout_s:g} s")
            tag = link.send(exchange, routing_key, body, persistent=persistent, headers=headers, properties=properties)
        except (Refused, Unreachable) as error:
            return confirm(Outcome.FAILED, f"not sent: {error.what} {error.evidence}".strip())
        link.pump(lambda: link.fate(tag) is not None or not link.is_open, deadline_s - self._clock.now_s())
        fate = link.fate(tag)
        link.forget(tag)
        if fate == "acked":
            return confirm(Outcome.OK)
        if fate is not None:
            return confirm(Outcome.FAILED, fate)
        return self._without_answer(link, confirm, timeout_s)

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _without_answer(self, link: AmqpLink, confirm: Callable[[Outcome, str], Confirm], timeout_s: float) -> Confirm:
        code, evidence = link.refusal()
        blocked = f" ({link.blocked})" if link.blocked else ""
        lost = not link.is_open
        # A broker in alarm stops reading from everyone: it is kept, so that what follows is held back, not sent.
        if lost or not link.blocked:
            self._give_up(link)
        if code in _SURELY_REFUSED:
            return confirm(Outcome.FAILED, f"refused: {code} {evidence}")
        if lost:
            return confirm(Outcome.UNSURE, f"connection to {link.name} lost before the confirm: {evidence}")
        return confirm(Outcome.UNSURE, f"no confirm from {link.name} within {timeout_s:g} s{blocked}")

    def _connected(self, deadline_s: float) -> AmqpLink:
        """The present link if it still lives, else one to another node. Raises the last failure at the deadline."""
        if self._link is not None:
            self._link.pump(_never, 0.0)  # a loss is only noticed by looking
            if self._link.is_open:
                return self._link
            self._give_up(self._link)
        backoff_s = _BACKOFF_START_S
        tried = 0
        while True:
            left_s = deadline_s - self._clock.now_s()
            node = self._nodes[self._next]
            try:
                link = self._confirming(node, max(0.05, min(_DIAL_TIMEOUT_S, left_s)))
            except (Refused, Unreachable):
                self._next = (self._next + 1) % len(self._nodes)
                tried += 1
                if self._clock.now_s() >= deadline_s:
                    raise
            else:
                self._link = link
                return link
            if tried % len(self._nodes) == 0:
                pause_s = self._rng.uniform(0.5, 1.0) * backoff_s
                self._clock.sleep_s(min(pause_s, max(0.0, deadline_s - self._clock.now_s())))
                backoff_s = min(2 * backoff_s, _BACKOFF_MAX_S)

    def _confirming(self, node: str, timeout_s: float) -> AmqpLink:
        link = self._dial(node, timeout_s)
        try:
            link.confirm_deliveries(timeout_s)
        except (Refused, Unreachable):
            link.abort()
            raise
        return link

    def _unblocked(self, link: AmqpLink, deadline_s: float) -> bool:
        link.pump(lambda: link.blocked is None or not link.is_open, deadline_s - self._clock.now_s())
        return link.blocked is None and link.is_open

    def _give_up(self, link: AmqpLink) -> None:
        """Leave this link, and start the search for the next one at another node."""
        link.abort()
        self._link = None
        self._next = (self._next + 1) % len(self._nodes)


def _never() -> bool:
    return False
