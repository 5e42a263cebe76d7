"""Request and reply over the broker: the asking side, for the gateway and for services that ask one another.

Replies come by RabbitMQ's direct reply-to, so that a question costs no queue. A question is asked at most once; who
asks learns which of three things happened: an answer, :class:`Unavailable` (surely not done) or :class:`Unsure`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from sim.services.chassis.amqp import Channel, ChannelClosed, Properties
from sim.services.chassis.link import Link
from sim.services.contract.message import (
    DEADLINE,
    DIRECT_REPLY_TO,
    IDENTITY,
    JSON,
    METHOD,
    PATH,
    QUERY,
    REQUEST,
    RETRY_AFTER,
    STATUS,
    TRACEPARENT,
)

_TRANSIENT: Final = 1


class Unavailable(Exception):  # noqa: N818 - what is known about a question
    """The question reached nobody: no broker, a broker that takes no messages, or no such queue."""


class Unsure(Exception):  # noqa: N818 - what is known about a question
    """The question was put and no answer came: it may have been done."""


class TimedOut(Unsure):
    """Its time is up. The service acknowledges it unread if it had not begun."""


@dataclass(frozen=True, slots=True)
class RawReply:
    """A service's answer as it came."""

    status: int
    headers: dict[str, Any]
    body: bytes
    content_type: str

    @property
    def retry_after_s(self) -> float | None:
        value = self.headers.get(RETRY_AFTER)
        return float(value) if isinstance(value, (int, float)) else None


@dataclass(slots=True)
class _Question:
    deployment: str
    answer: asyncio.Future[RawReply]
    timer: asyncio.TimerHandle


class Caller:
    """``app_id`` tells services who asks (the gateway's own name marks a request from outside).

    ``in_flight`` counts questions under way by deployment; ``late`` answers that came after their asker had gone.
    """

    def __init__(self, link: Link, exchange: str, app_id: str) -> None:
        self._link = link
        self._exchange = exchange
        self._app_id = app_id
        self._channel: Channel | None = None
        self._pending: dict[str, _Question] = {}
        self._last_id = 0
        self.in_flight: Counter[str] = Counter()
        self.late = 0
        link.keep_channel("caller", self._set_up, self._lost)

    @property
    def is_ready(self) -> bool:
        """Whether a question could be put now."""
        return self._channel is not None and self._link.is_up

    async def ask(
        self,
        deployment: str,
        method: str,
        path: str,
        *,
        query: str,
        body: bytes,
        identity_json: str | None,
        message_id: str,
        traceparent: str,
        timeout_s: float,
    ) -> RawReply:
        """Put one question to a service and await its answer. Raises Unavailable, Unsure, TimedOut.

        ``path`` is below ``/api/<service>`` and percent-encoded as it came, ``query`` raw; ``message_id`` is at most
        64 ASCII characters, and the same id is never done twice.
        """
        channel = self._channel
        if channel is None or not self._link.is_up:
            raise Unavailable(f"broker {self._link.state}: {self._link.reason}")
        headers: dict[str, Any] = {
            METHOD: method,
            PATH: path,
            DEADLINE: int((time.time() + timeout_s) * 1000),
            TRACEPARENT: traceparent,
        }
        if query:
            headers[QUERY] = query
        if identity_json is not None:
            headers[IDENTITY] = identity_json
        self._last_id += 1
        correlation_id = str(self._last_id)
        properties = Properties(
            content_type=JSON,
            headers=headers,
            delivery_mode=_TRANSIENT,
            correlation_id=correlation_id,
            reply_to=DIRECT_REPLY_TO,
            message_id=message_id,
            type=REQUEST,
            app_id=self._app_id,
        )
        try:
            channel.publish(self._exchange, deployment, body, properties, mandatory=True)
        except ChannelClosed as error:
            raise Unavailable(str(error)) from error
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[RawReply] = loop.create_future()
        timer = loop.call_later(timeout_s, self._time_out, correlation_id, timeout_s)
        self._pending[correlation_id] = _Question(deployment, answer, timer)
        self.in_flight[deployment] += 1
        try:
            return await answer
        finally:
            timer.cancel()
            self._pending.pop(correlation_id, None)
            self.in_flight[deployment] -= 1

    async def _set_up(self, channel: Channel) -> None:
        channel.on_returned(self._on_returned)
        await channel.consume(DIRECT_REPLY_TO, self._on_reply, auto_ack=True)
        self._channel = channel

    def _lost(self, reason: str) -> None:
        """Who waits learns at once that no answer can come: direct replies die with their channel."""
        self._channel = None
        for question in self._pending.values():
            if not question.answer.done():
                question.answer.set_exception(Unsure(f"{reason}, and with it the way back of answers"))

    def _on_reply(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        question = self._pending.get(properties.correlation_id)
        if question is None or question.answer.done():
            self.late += 1
            return
        headers = properties.headers or {}
        status = headers.get(STATUS)
        if isinstance(status, int) and 100 <= status <= 599:
            question.answer.set_result(RawReply(status, headers, body, properties.content_type or JSON))
        else:
            question.answer.set_exception(Unsure(f"{question.deployment} answered without a status"))

    def _on_returned(self, properties: Any, _body: bytes) -> None:
        question = self._pending.get(properties.correlation_id)
        if question is not None and not question.answer.done():
            question.answer.set_exception(Unavailable(f"no queue {question.deployment}"))

    def _time_out(self, correlation_id: str, timeout_s: float) -> None:
        question = self._pending.get(correlation_id)
        if question is not None and not question.answer.done():
            question.answer.set_exception(TimedOut(f"{question.deployment} did not answer within {timeout_s:g} s"))
