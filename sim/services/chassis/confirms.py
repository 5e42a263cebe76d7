"""Publishing that is known to have arrived: every message is acknowledged by the broker, or the caller hears it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from sim.services.chassis.amqp import Channel, ChannelClosed, Properties
from sim.services.chassis.link import Link

_CONFIRM_TIMEOUT_S: Final = 5.0


class NotConfirmed(Exception):  # noqa: N818 - what is known about a message
    """The broker did not say it has the message. ``unsure``: it may have it all the same."""

    def __init__(self, reason: str, *, unsure: bool) -> None:
        super().__init__(reason)
        self.unsure = unsure


class ConfirmedPublisher:
    """A channel of its own in confirm mode. Messages are mandatory: one that no queue takes is not confirmed."""

    def __init__(self, link: Link, name: str = "publisher") -> None:
        self._link = link
        self._channel: Channel | None = None
        self._tag = 0
        self._awaited: deque[tuple[int, str, asyncio.Future[None]]] = deque()
        self._returned: set[str] = set()
        link.keep_channel(name, self._set_up, self._lost)

    @property
    def is_ready(self) -> bool:
        return self._channel is not None and self._link.is_up

    async def publish(self, exchange: str, routing_key: str, body: bytes, properties: Properties) -> None:
        """Until the broker has it, on a majority of nodes. Needs a ``message_id``. Raises NotConfirmed."""
        channel = self._channel
        if channel is None or not self._link.is_up:
            raise NotConfirmed(f"broker {self._link.state}: {self._link.reason}", unsure=False)
        try:
            channel.publish(exchange, routing_key, body, properties, mandatory=True)
        except ChannelClosed as error:
            raise NotConfirmed(str(error), unsure=False) from error
        self._tag += 1
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append((self._tag, str(properties.message_id), settled))
        try:
            await asyncio.wait_for(settled, _CONFIRM_TIMEOUT_S)
        except TimeoutError as error:
            raise NotConfirmed(f"no confirm within {_CONFIRM_TIMEOUT_S:g} s", unsure=True) from error

    async def _set_up(self, channel: Channel) -> None:
        channel.on_returned(lambda properties, _body: self._returned.add(str(properties.message_id)))
        await channel.confirm(self._settle)
        self._tag = 0
        self._channel = channel

    def _settle(self, delivery_tag: int, multiple: bool, acknowledged: bool) -> None:
        remaining: deque[tuple[int, str, asyncio.Future[None]]] = deque()
        while self._awaited and self._awaited[0][0] <= delivery_tag:
            tag, message_id, settled = self._awaited.popleft()
            if tag != delivery_tag and not multiple:
                remaining.append((tag, message_id, settled))
                continue
            # The broker returns an unroutable message before it confirms it.
            returned = message_id in self._returned
            self._returned.discard(message_id)
            if settled.done():
                continue
            if returned:
                settled.set_exception(NotConfirmed("no queue takes it", unsure=False))
            elif acknowledged:
                settled.set_result(None)
            else:
                settled.set_exception(NotConfirmed("the broker refused it", unsure=False))
        self._awaited.extendleft(reversed(remaining))

    def _lost(self, reason: str) -> None:
        self._channel = None
        self._returned.clear()
        while self._awaited:
            _, _, settled = self._awaited.popleft()
            if not settled.done():
                settled.set_exception(NotConfirmed(reason, unsure=True))
