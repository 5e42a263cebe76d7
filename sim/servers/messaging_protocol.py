"""What a ledger asks of a broker: publishing with many confirms outstanding, and taking messages in any documented way.

Both reconnect to any live node by themselves. Neither raises for silence: in the middle of a fault that is what is
observed, and it is told as an outcome. One thread owns each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sim.history import Outcome

ConsumerMode = Literal["async", "polling"]
"""``basic.consume``, which lets messages flow in, or ``basic.get``, which asks for each."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The fate of one message, by the id it was sent with: OK, FAILED (surely not taken) or UNSURE (no answer)."""

    id: str
    outcome: Outcome
    message: str = ""


class Pipeline(Protocol):
    """A publisher that does not wait for one confirm before it sends the next message."""

    @property
    def in_flight(self) -> int: ...
    @property
    def node(self) -> str:
        """The node it is connected to at present, empty for none."""
        ...

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
        """Hand over one mandatory message. Without a connection it waits for one, ``timeout_s`` at most."""
        ...

    def settled(self, wait_s: float) -> Sequence[Settled]:
        """Fates that became known, after at most ``wait_s``; a message unanswered for its ``timeout_s`` is UNSURE."""
        ...

    def finish(self, wait_s: float) -> Sequence[Settled]:
        """The fates of everything still in flight, and goodbye."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """One delivery. ``deliveries`` counts earlier failed ones as the queue does; ``link`` and ``tag`` are its receipt.

    ``link`` numbers the consumer's connections: a receipt is void once the connection it came over is lost.
    """

    body: bytes
    redelivered: bool
    deliveries: int
    link: int
    tag: int
    headers: Mapping[str, Any] = field(default_factory=dict)


class Consumer(Protocol):
    """Takes messages off one queue. What is neither acknowledged nor rejected goes back when it closes or dies."""

    def take(self, wait_s: float) -> Sequence[Taken]:
        """What came within ``wait_s``; nothing also when no node would serve the queue."""
        ...

    def acknowledge(self, taken: Taken) -> bool:
        """False when the receipt is void: the message will come again, here or elsewhere."""
        ...

    def reject(self, taken: Taken, *, requeue: bool) -> bool: ...
    def die(self) -> None:
        """Cut the line without a word, as a killed process does; the next ``take`` is by its successor."""
        ...

    def close(self) -> None: ...
