"""The hearing side: events from ``<deployment>.events``, each having its effects once, in one transaction.

While the database is away nothing is consumed: events wait in their queue instead of dying of redeliveries, and those
taken already wait in memory. An event
whose handler fails is given back and ends as a dead letter at its delivery limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import msgspec

from sim.services.chassis.amqp import Channel, ChannelClosed
from sim.services.chassis.context import CallContext, Resources
from sim.services.chassis.metrics import Metrics
from sim.services.chassis.outcomes import AlreadyDone, Contention
from sim.services.chassis.service import Event, EventHandler
from sim.services.chassis.tracing import continue_trace, tracing
from sim.services.chassis.transaction import event_transaction
from sim.services.chassis.wire import LONGEST_ID
from sim.services.chassis.workers import Workers
from sim.services.contract.events import EVENT_BY_NAME
from sim.services.contract.message import TRACEPARENT
from sim.services.contract.problem import Problem
from sim.services.contract.queues import events_queue

_HOLD_FIRST_S: Final = 0.1
_HOLD_LONGEST_S: Final = 1.0
_POISON_LONGEST_S: Final = 5.0
_TRANSIENT: Final = frozenset({503, 504})
_DELIVERY_COUNT: Final = "x-delivery-count"


@dataclass(frozen=True, slots=True)
class _Delivery:
    channel: Channel
    tag: int
    deliveries: int
    traceparent: object


class EventConsumer:
    """Consumes while the database answers and its schema is ready; paused otherwise."""

    def __init__(
        self,
        handlers: Mapping[str, EventHandler],
        resources: Resources,
        workers: Workers,
        metrics: Metrics,
        random: Random,
    ) -> None:
        self._handlers = handlers
        self._decoders = {name: msgspec.json.Decoder(EVENT_BY_NAME[name].carries) for name in handlers}
        self._resources = resources
        self._workers = workers
        self._metrics = metrics
        self._random = random
        self._logs = resources.logs
        self._queue = events_queue(resources.service)
        self._channel: Channel | None = None
        self._consumer = ""
        self._wanted = False
        self._turn = asyncio.Lock()
        self._adjusting: asyncio.Task[None] | None = None
        self._held: list[tuple[Event, _Delivery]] = []
        self._stopping = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_consuming(self) -> bool:
        return bool(self._consumer) and self._channel is not None and self._channel.is_open

    def pause(self) -> None:
        """The database is away: take no more, and keep what was taken until it is back."""
        self._wanted = False
        self._adjust_soon()

    def resume(self) -> None:
        self._wanted = not self._stopping
        held, self._held = self._held, []
        for event, delivery in held:
            if delivery.channel.is_open:
                self._begin(event, delivery)
        self._adjust_soon()

    async def set_up(self, channel: Channel) -> None:
        """For :meth:`Link.keep_channel`. The queue may not be there yet."""
        await channel.queue_exists(self._queue)
        # No more than can be worked on: what lies here when the process is killed takes a step towards its limit.
        await channel.prefetch(self._workers.count)
        self._channel, self._consumer = channel, ""
        await self._adjust(channel)

    def lost(self, _reason: str) -> None:
        self._channel, self._consumer = None, ""
        self._held.clear()

    async def drain(self, within_s: float) -> bool:
        """Take no more; True when everything under way was finished in time. What is held goes back to the queue."""
        self._stopping, self._wanted = True, False
        if self._channel is not None:
            with suppress(ChannelClosed):
                await self._adjust(self._channel)
        try:
            await asyncio.wait_for(self._idle.wait(), within_s)
        except TimeoutError:
            return False
        return True

    def _adjust_soon(self) -> None:
        if self._channel is not None:
            self._adjusting = asyncio.get_running_loop().create_task(self._adjust_now(self._channel))

    async def _adjust_now(self, channel: Channel) -> None:
        with suppress(ChannelClosed):
            await self._adjust(channel)

    async def _adjust(self, channel: Channel) -> None:
        """Consume or not, as wanted."""
        async with self._turn:
            if self._wanted and not self._consumer:
                self._consumer = await channel.consume(
                    self._queue,
                    lambda _c, method, properties, body: self._on_message(channel, method, properties, body),
                )
            elif not self._wanted and self._consumer:
                consumer, self._consumer = self._consumer, ""
                await channel.cancel(consumer)

    def _on_message(self, channel: Channel, method: Any, properties: Any, body: bytes) -> None:
        headers = properties.headers or {}
        count = headers.get(_DELIVERY_COUNT, 0)
        deliveries = count if isinstance(count, int) else 0
        delivery = _Delivery(channel, method.delivery_tag, deliveries, headers.get(TRACEPARENT))
        name = properties.type if isinstance(properties.type, str) else ""
        if name not in EVENT_BY_NAME:
            self._malformed(delivery, "unknown", f"{name[:64]!r} is no event of the catalogue")
            return
        decoder = self._decoders.get(name)
        if decoder is None:
            # A broadcast, or an attribute two services match by, reaches us too: nothing of ours.
            channel.ack(delivery.tag)
            self._metrics.events.labels(name, "ignored").inc()
            return
        message_id = properties.message_id
        if not isinstance(message_id, str) or not 0 < len(message_id) <= LONGEST_ID or not message_id.isascii():
            self._malformed(delivery, name, f"message_id is not 1 to {LONGEST_ID} ASCII characters")
            return
        try:
            payload = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._malformed(delivery, name, str(error)[:200])
            return
        context = CallContext(self._resources, work_id=message_id)
        at_s = float(properties.timestamp or time.time())
        publisher = properties.app_id if isinstance(properties.app_id, str) else ""
        event = Event(name, message_id, payload, publisher, at_s, context)
        self._begin(event, delivery)

    def _begin(self, event: Event, delivery: _Delivery) -> None:
        self._under_way += 1
        self._idle.clear()
        self._workers.submit(lambda: self._work(event, delivery))

    def _work(self, event: Event, delivery: _Delivery) -> None:
        """In a worker thread."""
        began_s = time.perf_counter()
        with tracing(continue_trace(delivery.traceparent)):
            outcome = self._attempt(event, delivery) if delivery.channel.is_open else "given back"
            self._logs.log(
                "info",
                "event",
                event=event.name,
                message_id=event.message_id,
                outcome=outcome,
                duration_ms=round((time.perf_counter() - began_s) * 1000, 3),
            )
        self._resources.loop.call_soon_threadsafe(self._finish, event, delivery, outcome)

    def _attempt(self, event: Event, delivery: _Delivery) -> str:
        resources = self._resources
        try:
            with event_transaction(resources.database, resources.key, event.message_id, resources.committed) as tx:
                self._handlers[event.name](event, tx)
        except AlreadyDone:
            return "duplicate"
        except Contention:
            return "held"
        except Problem as problem:
            if problem.status in _TRANSIENT:
                return "held"
            self._logs.log("error", "event refused by its handler", event=event.name, reason=problem.detail)
            return "failed"
        except Exception as error:  # noqa: BLE001 - the boundary: a bug sets one event aside, the service goes on
            self._logs.failure("event handler failed", error, event=event.name, delivery=delivery.deliveries + 1)
            return "failed"
        return "done"

    def _finish(self, event: Event, delivery: _Delivery, outcome: str) -> None:
        self._metrics.events.labels(event.name, outcome).inc()
        loop = self._resources.loop
        if outcome == "held":
            # Not its fault: kept and tried again, without a step towards its delivery limit.
            self._hold(event, delivery)
        elif outcome == "failed":
            delay_s = min(_POISON_LONGEST_S, self._random.uniform(0.5, 1.0) * 0.1 * 2**delivery.deliveries)
            loop.call_later(delay_s, lambda: delivery.channel.reject(delivery.tag, requeue=True))
        elif outcome in {"done", "duplicate"}:
            delivery.channel.ack(delivery.tag)
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    def _hold(self, event: Event, delivery: _Delivery) -> None:
        if not self._wanted:
            self._held.append((event, delivery))
            return

        def again() -> None:
            if not self._wanted:
                self._held.append((event, delivery))
            elif delivery.channel.is_open:
                self._begin(event, delivery)

        delay_s = self._random.uniform(_HOLD_FIRST_S, _HOLD_LONGEST_S)
        self._resources.loop.call_later(delay_s, again)

    def _malformed(self, delivery: _Delivery, name: str, reason: str) -> None:
        with tracing(continue_trace(delivery.traceparent)):
            self._logs.log("warning", "malformed event, dead-lettered", event=name, reason=reason)
        self._metrics.events.labels(name, "malformed").inc()
        delivery.channel.reject(delivery.tag, requeue=False)
