"""Pipelined publishing and consuming in memory."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.history import Outcome
from sim.runtime.fake.connection import FakeConnection
from sim.runtime.fake.queues import FakeBroker, FakeMessage, FakeQueue
from sim.servers.messaging_protocol import ConsumerMode, Settled, Taken

_POLL_S = 0.005
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class _Sent:
    queues: tuple[FakeQueue, ...]
    deadline_s: float


class FakePipeline:
    """What was in flight when its node died may or may not have happened."""

    def __init__(self, broker: FakeBroker, rng: random.Random) -> None:
        self._broker = broker
        self._clock = broker.processes.clock
        self._connection = FakeConnection(broker, rng)
        self._sent: dict[str, _Sent] = {}
        self._known: list[Settled] = []

    @property
    def in_flight(self) -> int:
        return len(self._sent)

    @property
    def node(self) -> str:
        return self._connection.node or ""

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
        if not self._connection.is_open:
            self._lose("connection lost")
        if not self._connection.open(deadline_s):
            self._known.append(Settled(id, Outcome.FAILED, "not sent: no node accepts connections"))
            return
        with self._broker.processes.lock:
            self._broker.settle()
            queues = tuple(self._broker.route(exchange, routing_key, headers or {}))
            if not queues and self._broker.return_unroutable:
                self._known.append(Settled(id, Outcome.FAILED, "returned: 312 NO_ROUTE"))
                return
            message = FakeMessage(body, persistent, dict(headers or {}), {"message_id": id})
            for queue in queues:
                self._broker.enqueue(queue, message.copy())
        self._sent[id] = _Sent(queues, deadline_s)

    def settled(self, wait_s: float) -> Sequence[Settled]:
        ends_s = self._clock.now_s() + wait_s
        while True:
            self._look()
            if self._known or self._clock.now_s() >= ends_s:
                known, self._known = self._known, []
                return known
            self._clock.sleep_s(min(_POLL_S, wait_s))

    def finish(self, wait_s: float) -> Sequence[Settled]:
        ends_s = self._clock.now_s() + wait_s
        known: list[Settled] = []
        while self._sent and (left_s := ends_s - self._clock.now_s()) > 0:
            known += self.settled(left_s)
        self._lose("no confirm before the end")
        return [*known, *self._known]

    def _look(self) -> None:
        if not self._sent:
            return
        if not self._connection.is_open:
            self._lose("connection lost before the confirm")
            return
        with self._broker.processes.lock:
            self._broker.settle()
            done = [m for m, sent in self._sent.items() if all(self._broker.serves(q, self.node) for q in sent.queues)]
        for message in done:
            del self._sent[message]
            self._known.append(Settled(message, Outcome.OK))
        if any(self._clock.now_s() >= sent.deadline_s for sent in self._sent.values()):
            self._lose("no confirm in time")

    def _lose(self, reason: str) -> None:
        self._connection.close()
        self._known += [Settled(message, Outcome.UNSURE, reason) for message in self._sent]
        self._sent.clear()


class FakeConsumer:
    """Holds what it has not answered; that goes back to the head of the queue when its connection is lost."""

    def __init__(self, broker: FakeBroker, queue: str, mode: ConsumerMode, prefetch: int, rng: random.Random) -> None:
        self._broker = broker
        self._clock = broker.processes.clock
        self._queue = queue
        self._mode = mode
        self._prefetch = prefetch
        self._connection = FakeConnection(broker, rng)
        self._links = 0
        self._tags = 0
        self._held: dict[int, FakeMessage] = {}

    def take(self, wait_s: float) -> Sequence[Taken]:
        ends_s = self._clock.now_s() + wait_s
        while True:
            taken = self._take_now()
            if taken or self._clock.now_s() >= ends_s:
                return taken
            self._clock.sleep_s(min(_LOOK_S, wait_s))

    def acknowledge(self, taken: Taken) -> bool:
        with self._broker.processes.lock:
            if not self._holds(taken):
                return False
            del self._held[taken.tag]
            return True

    def reject(self, taken: Taken, *, requeue: bool) -> bool:
        with self._broker.processes.lock:
            if not self._holds(taken):
                return False
            message, queue = self._held.pop(taken.tag), self._broker.queues[self._queue]
            if requeue:
                queue.messages.insert(0, message)
                self._broker.hand_back(queue)
            else:
                self._broker.dead_letter(queue, message)
            return True

    def die(self) -> None:
        with self._broker.processes.lock:
            self._connection.close()
            self._hand_back()

    def close(self) -> None:
        self.die()

    def _holds(self, taken: Taken) -> bool:
        return self._connection.is_open and taken.link == self._links and taken.tag in self._held

    def _take_now(self) -> Sequence[Taken]:
        with self._broker.processes.lock:
            if not self._connection.is_open:
                self._hand_back()
                if not self._connection.open(self._clock.now_s()):
                    return ()
                self._links += 1
            self._broker.settle()
            queue = self._broker.queues.get(self._queue)
            if queue is None or not self._broker.serves(queue, self._connection.node or ""):
                return ()
            most = 1 if self._mode == "polling" else self._prefetch - len(self._held)
            came, queue.messages[:] = queue.messages[:most], queue.messages[max(most, 0) :]
            return [self._hand_out(message) for message in came]

    def _hand_out(self, message: FakeMessage) -> Taken:
        self._tags += 1
        self._held[self._tags] = message
        redelivered = message.returned > 0
        return Taken(message.body, redelivered, message.returned, self._links, self._tags, message.headers)

    def _hand_back(self) -> None:
        queue = self._broker.queues.get(self._queue)
        for message in reversed(self._held.values()):
            if queue is not None and (queue.type == "quorum" or message.persistent):
                queue.messages.insert(0, message)
                self._broker.hand_back(queue)
        self._held.clear()
