"""The broker as its coordinator sees it: the contract's exchanges, queues and bindings, and what died on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sim.services.chassis.amqp import Channel, ChannelClosed, Properties
from sim.services.chassis.confirms import ConfirmedPublisher, NotConfirmed
from sim.services.chassis.link import Link
from sim.services.chassis.logs import Logs
from sim.services.chassis.service import DeadLetter
from sim.services.chassis.settings import BrokerSettings
from sim.services.contract.problem import Problem, not_found, unavailable
from sim.services.contract.queues import QueueSpec, dead_letter_queue, service_queues

DEAD_LETTERS_KEPT_S: Final = 7 * 86_400
_NOT_FOUND: Final = 404
_TIMEOUT_S: Final = 20.0
# Looking at a dead letter delivers it: from 4.0 on, twenty looks would otherwise be its end.
_UNLIMITED_SINCE: Final = (4, 0)
_MOST: Final = 10_000
_Value = TypeVar("_Value")


def exchanges(broker: BrokerSettings) -> tuple[tuple[str, str, Mapping[str, Any]], ...]:
    """Name, type and arguments, in an order they can be declared in."""
    unclaimed = f"{broker.dead_letter}.unclaimed"
    return (
        (broker.direct, "direct", {}),
        (broker.topic, "topic", {}),
        (broker.fanout, "fanout", {}),
        (broker.headers, "headers", {}),
        (unclaimed, "fanout", {}),
        (broker.dead_letter, "direct", {"alternate-exchange": unclaimed}),
    )


class BrokerMessaging:
    """A Messaging of the chassis (see ``service.py``). ``declared`` once the topology is in place."""

    def __init__(
        self,
        link: Link,
        broker: BrokerSettings,
        deployments: Mapping[str, str],
        publisher: ConfirmedPublisher,
        logs: Logs,
    ) -> None:
        self._link = link
        self._broker = broker
        self._deployments = deployments
        self._publisher = publisher
        self._logs = logs
        self._loop = asyncio.get_running_loop()
        self._taking_out = asyncio.Lock()
        # Events' queues first: who can be reached by a request must find every listener's queue for what it tells.
        self._queues = sorted(service_queues(deployments), key=lambda queue: queue.name == queue.owner)
        self.declared = False

    async def set_up(self, _channel: Channel) -> None:
        """For :meth:`Link.keep_channel`: declared again after each reconnection."""
        await self._declare()

    def declare(self) -> None:
        self._wait(self._declare())

    def depths(self) -> Mapping[str, tuple[int, int]]:
        return self._wait(self._depths())

    def dead_letters(self, deployment: str, limit: int) -> Sequence[DeadLetter]:
        return self._wait(self._dead_letters(self._known(deployment), limit))

    def requeue(self, deployment: str, message_ids: Sequence[str] | None = None) -> int:
        return self._wait(self._requeue(self._known(deployment), message_ids))

    async def _declare(self) -> None:
        for name, kind, arguments in exchanges(self._broker):
            await self._ensure_exchange(name, kind, arguments)
        channel = await self._link.channel()
        try:
            unclaimed, catch_all = f"{self._broker.dead_letter}.unclaimed", f"{self._broker.dead_letter}.queue"
            await channel.queue_declare(catch_all, {"x-queue-type": "quorum"})
            await channel.queue_bind(catch_all, unclaimed, "", {})
            for deployment in self._deployments.values():
                queue = dead_letter_queue(deployment)
                await channel.queue_declare(queue, self._dead_letter_arguments())
                await channel.queue_bind(queue, self._broker.dead_letter, deployment, {})
            for spec in self._queues:
                await self._declare_queue(channel, spec)
        finally:
            channel.close()
        if not self.declared:
            self._logs.log("info", "messaging topology declared", queues=len(self._queues))
        self.declared = True

    async def _ensure_exchange(self, name: str, kind: str, arguments: Mapping[str, Any]) -> None:
        """As it is, if it is there: its arguments are whoever's who declared it first."""
        channel = await self._link.channel()
        try:
            await channel.exchange_exists(name)
        except ChannelClosed as error:
            if error.code != _NOT_FOUND:
                raise
            channel = await self._link.channel()
            await channel.exchange_declare(name, kind, arguments)
        finally:
            channel.close()

    async def _declare_queue(self, channel: Channel, spec: QueueSpec) -> None:
        await channel.queue_declare(spec.name, spec.arguments(self._broker.dead_letter))
        for binding in spec.bindings:
            exchange = self._broker.exchange(binding.exchange)
            await channel.queue_bind(spec.name, exchange, binding.routing_key, dict(binding.arguments))

    def _dead_letter_arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-message-ttl": DEAD_LETTERS_KEPT_S * 1000}
        if self._link.server_version >= _UNLIMITED_SINCE:
            arguments["x-delivery-limit"] = -1
        return arguments

    async def _depths(self) -> dict[str, tuple[int, int]]:
        names = [spec.name for spec in self._queues]
        names += [dead_letter_queue(deployment) for deployment in self._deployments.values()]
        names.append(f"{self._broker.dead_letter}.queue")
        found = {}
        channel = await self._link.channel()
        for name in sorted(names):
            try:
                found[name] = await channel.queue_exists(name)
            except ChannelClosed as error:
                if error.code != _NOT_FOUND:
                    raise
                channel = await self._link.channel()
        channel.close()
        return found

    async def _dead_letters(self, deployment: str, limit: int) -> list[DeadLetter]:
        async with self._taking_out:
            channel = await self._link.channel()
            try:
                letters: list[DeadLetter] = []
                tags: list[int] = []
                while len(letters) < limit and (got := await channel.get(dead_letter_queue(deployment))) is not None:
                    method, properties, body = got
                    tags.append(method.delivery_tag)
                    letters.append(read_dead_letter(properties, body))
                for tag in tags:
                    channel.reject(tag, requeue=True)
                return letters
            finally:
                channel.close()

    async def _requeue(self, deployment: str, message_ids: Sequence[str] | None) -> int:
        """Only what is there now: a message that dies again meanwhile is not taken a second time."""
        wanted = None if message_ids is None else set(message_ids)
        own = {spec.name for spec in self._queues if spec.owner == deployment}
        queue, moved, kept = dead_letter_queue(deployment), 0, []
        async with self._taking_out:
            channel = await self._link.channel()
            try:
                ready, _ = await channel.queue_exists(queue)
                for _ in range(min(ready, _MOST)):
                    got = await channel.get(queue)
                    if got is None:
                        break
                    method, properties, body = got
                    letter = read_dead_letter(properties, body)
                    if (wanted is not None and letter.message_id not in wanted) or letter.queue not in own:
                        kept.append(method.delivery_tag)
                        continue
                    await self._publisher.publish("", letter.queue, body, _reborn(properties))
                    channel.ack(method.delivery_tag)
                    moved += 1
                for tag in kept:
                    channel.reject(tag, requeue=True)
            finally:
                channel.close()
        return moved

    def _known(self, deployment: str) -> str:
        if deployment not in self._deployments.values():
            raise not_found(f"The service {deployment}")
        return deployment

    def _wait(self, work: Coroutine[Any, Any, _Value]) -> _Value:
        """From a worker thread."""
        doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result(_TIMEOUT_S)
        except (ChannelClosed, NotConfirmed) as error:
            raise unavailable("The broker") from error
        except TimeoutError as error:
            doing.cancel()
            raise Problem(504, f"The broker took longer than {_TIMEOUT_S:g} s.") from error


def read_dead_letter(properties: Any, body: bytes) -> DeadLetter:
    """From the broker's own account of its deaths, latest first."""
    headers = dict(properties.headers or {})
    deaths = [death for death in headers.get("x-death") or () if isinstance(death, Mapping)]
    latest: Mapping[str, Any] = deaths[0] if deaths else {}
    first_at = deaths[-1].get("time") if deaths else None
    return DeadLetter(
        message_id=str(properties.message_id or ""),
        queue=str(latest.get("queue", "")),
        reason=str(latest.get("reason", "")),
        deaths=sum(int(death.get("count", 1)) for death in deaths),
        kind=str(properties.type or ""),
        first_death_at_s=first_at.timestamp() if isinstance(first_at, datetime) else 0.0,
        headers={name: value for name, value in headers.items() if not _is_obituary(name)},
        body=body,
    )


def _reborn(properties: Any) -> Any:
    """As it was before it died: its deliveries are counted from the start."""
    headers = {name: value for name, value in (properties.headers or {}).items() if not _is_obituary(name)}
    return Properties(
        content_type=properties.content_type,
        headers=headers,
        delivery_mode=2,
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        message_id=properties.message_id,
        timestamp=properties.timestamp,
        type=properties.type,
        app_id=properties.app_id,
    )


def _is_obituary(header: str) -> bool:
    return header in {"x-death", "x-delivery-count", "x-acquired-count"} or header.startswith(
        ("x-first-death-", "x-last-death-")
    )
