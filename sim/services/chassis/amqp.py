"""AMQP 0-9-1 as awaitable operations: a connection and its channels. The only file that knows the driver's moods."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError, InvalidFrameError
from pika.frame import Header

from sim.services.chassis.settings import BrokerSettings

Properties: TypeAlias = pika.BasicProperties
OnMessage: TypeAlias = Callable[[Any, Any, Any, bytes], None]
"""The driver's own arguments: channel, method (``delivery_tag``, ``redelivered``, ``exchange``), properties, body."""
OnReturned: TypeAlias = Callable[[Any, bytes], None]
"""Properties and body of a mandatory message that no queue took."""

CONNECT_TIMEOUT_S: Final = 3.0
_OPERATION_TIMEOUT_S: Final = 10.0
# A vanished host (no FIN, no RST) is noticed by the kernel long before two missed heartbeats would tell.
_TCP_OPTIONS: Final = {"TCP_USER_TIMEOUT": 10_000, "TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}

_FRAME: Final = struct.Struct(">BHL")
_CONTENT_HEADER: Final = struct.Struct(">HHQ")

# The driver logs each failure with a traceback; the link says the same in one line.
logging.getLogger("pika").setLevel(logging.CRITICAL + 1)


class NotConnected(Exception):  # noqa: N818 - a state
    """No node could be reached, or the connection went; ``str`` says why."""


class ChannelClosed(Exception):  # noqa: N818 - a state
    """The channel is gone: by the broker (``code`` 404: no such queue), or with its connection (0)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}" if code else text)
        self.code = code


class _Connection(AsyncioConnection):  # type: ignore[misc] # the driver is untyped
    """The driver's connection, with two of its moods cured.

    It writes what one turn of the event loop produced at once and with one system call, not one a frame in the turn
    after. And properties it cannot decode (a date after the year 9999, a number that is none, lists a thousand deep:
    the broker passes all of them on) arrive as none at all. Left alone they end the connection, and again at each
    redelivery, while every message that was under way on it takes a step towards its delivery limit.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._unsent: list[bytes] = []
        super().__init__(*arguments, **named)

    def _read_frame(self) -> tuple[int, Any]:
        try:
            frame: tuple[int, Any] = super()._read_frame()
        except InvalidFrameError:
            raise  # nobody knows where the next one begins
        except Exception:  # whatever a decoder made of a stranger's bytes
            bare = without_properties(self._frame_buffer)
            if bare is None:
                raise
            return bare
        return frame

    def _adapter_emit_data(self, data: bytes) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send)
        self._unsent.append(data)

    def _send(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        if self._transport is None or self.is_closed:
            return
        # The driver waits for the loop to say that the socket takes data, which it nearly always does.
        sent = 0
        if not self._transport.get_write_buffer_size():
            with suppress(OSError):  # full, or broken: the driver's own attempt tells which
                sent = self._transport._sock.send(data)  # noqa: SLF001 - it has no other way out
        if sent < len(data):
            super()._adapter_emit_data(data[sent:])


def without_properties(data: bytes) -> tuple[int, Any] | None:
    """The whole frame of a content header ``data`` begins with, its properties left out, and its length in bytes.

    None where ``data`` begins with anything else: that is the broker's own and must be understood.
    """
    kind, channel_number, size_bytes = _FRAME.unpack_from(data)
    if kind != pika.spec.FRAME_HEADER:
        return None
    _class_id, _weight, body_bytes = _CONTENT_HEADER.unpack_from(data, _FRAME.size)
    length_bytes = _FRAME.size + size_bytes + pika.spec.FRAME_END_SIZE
    return length_bytes, Header(channel_number, body_bytes, Properties())


class Connection:
    """An open connection. ``closed`` is done, with the reason, as soon as it is not."""

    def __init__(self, driver: Any, address: str) -> None:
        self._driver = driver
        self.address = address
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        driver.add_on_close_callback(lambda _connection, reason: self._settle(reason))

    @property
    def is_open(self) -> bool:
        return bool(self._driver.is_open)

    @property
    def server_version(self) -> tuple[int, ...]:
        version = (self._driver.server_properties or {}).get("version", "")
        return tuple(int(part) for part in str(version).split(".") if part.isdigit())

    def on_blocked(self, blocked: Callable[[str], None], unblocked: Callable[[], None]) -> None:
        """The broker is short of memory or disk and takes no more messages, until it does again."""
        self._driver.add_on_connection_blocked_callback(lambda _c, frame: blocked(str(frame.method.reason)))
        self._driver.add_on_connection_unblocked_callback(lambda _c, _frame: unblocked())

    async def channel(self) -> Channel:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[Any] = loop.create_future()
        self.closed.add_done_callback(lambda _: opened.cancel())
        try:
            self._driver.channel(on_open_callback=lambda channel: _set(opened, channel))
            return Channel(await asyncio.wait_for(opened, _OPERATION_TIMEOUT_S))
        except (AMQPError, TimeoutError) as error:
            raise ChannelClosed(0, _say(error)) from error
        except asyncio.CancelledError as error:
            if self.closed.done():
                raise ChannelClosed(0, self.closed.result()) from error
            raise

    async def close(self) -> None:
        if self._driver.is_open:
            self._driver.close()
        await asyncio.wait([self.closed], timeout=1.0)

    def _settle(self, reason: object) -> None:
        if not self.closed.done():
            self.closed.set_result(_say(reason))


async def connect(settings: BrokerSettings, host: str, port: int, name: str) -> Connection:
    """Connect to one node. Raises NotConnected."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[Any] = loop.create_future()

    parameters = pika.ConnectionParameters(
        host=host,
        port=port,
        virtual_host=settings.vhost,
        credentials=pika.PlainCredentials(settings.user, settings.password),
        heartbeat=settings.heartbeat_s,
        client_properties={"connection_name": name},
        tcp_options=_TCP_OPTIONS,
        socket_timeout=CONNECT_TIMEOUT_S,
        stack_timeout=CONNECT_TIMEOUT_S,
        connection_attempts=1,
    )
    address = f"{host}:{port}"
    workflow = _Connection.create_connection([parameters], lambda outcome: _set(opened, outcome), custom_ioloop=loop)
    try:
        outcome = await asyncio.wait_for(asyncio.shield(opened), CONNECT_TIMEOUT_S * 1.5)
    except (TimeoutError, asyncio.CancelledError) as error:
        workflow.abort()
        if isinstance(error, asyncio.CancelledError):
            raise
        raise NotConnected(f"{address} did not answer within {CONNECT_TIMEOUT_S * 1.5:g} s") from error
    if isinstance(outcome, BaseException):
        raise NotConnected(f"{address}: {_say(outcome)}") from outcome
    return Connection(outcome, address)


class Channel:
    """An open channel. Everything raises ChannelClosed once it is not; ``closed`` is done, with that, at once."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.closed: asyncio.Future[ChannelClosed] = asyncio.get_running_loop().create_future()
        driver.add_on_close_callback(self._on_close)
        # The queue was deleted under its consumer: the same as losing the channel, and as curable.
        driver.add_on_cancel_callback(lambda _frame: self.close())

    @property
    def is_open(self) -> bool:
        return bool(self._driver.is_open)

    def publish(
        self, exchange: str, routing_key: str, body: bytes, properties: Properties, *, mandatory: bool = False
    ) -> None:
        """Hand to the broker, without waiting. Raises ChannelClosed."""
        try:
            self._driver.basic_publish(exchange, routing_key, body, properties, mandatory)
        except AMQPError as error:
            raise ChannelClosed(0, _say(error)) from error

    def on_returned(self, returned: OnReturned) -> None:
        self._driver.add_on_return_callback(lambda _c, _method, properties, body: returned(properties, body))

    def ack(self, delivery_tag: int, *, multiple: bool = False) -> None:
        """Nothing happens on a closed channel: the message is delivered again anyway."""
        if self._driver.is_open:
            self._driver.basic_ack(delivery_tag, multiple)

    def reject(self, delivery_tag: int, *, requeue: bool) -> None:
        """Give back (``requeue``: it counts towards the delivery limit) or to the dead-letter exchange."""
        if self._driver.is_open:
            self._driver.basic_reject(delivery_tag, requeue)

    async def prefetch(self, count: int) -> None:
        await self._operate("basic_qos", prefetch_count=count)

    async def confirm(self, settled: Callable[[int, bool, bool], None]) -> None:
        """Publisher confirms: ``settled(delivery_tag, multiple, acknowledged)``."""

        def heard(frame: Any) -> None:
            acknowledged = isinstance(frame.method, pika.spec.Basic.Ack)
            settled(frame.method.delivery_tag, frame.method.multiple, acknowledged)

        await self._operate("confirm_delivery", heard)

    async def consume(self, queue: str, on_message: OnMessage, *, auto_ack: bool = False) -> str:
        """Start consuming; the consumer's tag."""
        frame = await self._operate("basic_consume", queue, on_message, auto_ack=auto_ack)
        return str(frame.method.consumer_tag)

    async def cancel(self, consumer_tag: str) -> None:
        await self._operate("basic_cancel", consumer_tag)

    async def get(self, queue: str) -> tuple[Any, Any, bytes] | None:
        """One message (method, properties, body), unacknowledged; None from an empty queue."""
        found: asyncio.Future[tuple[Any, Any, bytes] | None] = asyncio.get_running_loop().create_future()
        self._driver.add_callback(lambda _frame: _set(found, None), [pika.spec.Basic.GetEmpty], one_shot=True)
        self._guard(
            lambda: self._driver.basic_get(
                queue, lambda _c, method, properties, body: _set(found, (method, properties, body))
            )
        )
        await self._wait(found)
        return found.result()

    async def queue_exists(self, queue: str) -> tuple[int, int]:
        """Messages ready and consumers. A queue that is not there closes the channel (404)."""
        frame = await self._operate("queue_declare", queue, passive=True)
        return int(frame.method.message_count), int(frame.method.consumer_count)

    async def queue_declare(
        self, queue: str, arguments: Mapping[str, Any], *, durable: bool = True, exclusive: bool = False
    ) -> None:
        await self._operate(
            "queue_declare", queue, durable=durable, exclusive=exclusive, auto_delete=exclusive, arguments=arguments
        )

    async def queue_bind(self, queue: str, exchange: str, routing_key: str, arguments: Mapping[str, Any]) -> None:
        await self._operate("queue_bind", queue, exchange, routing_key, arguments)

    async def exchange_exists(self, exchange: str) -> None:
        """An exchange that is not there closes the channel (404)."""
        await self._operate("exchange_declare", exchange, passive=True)

    async def exchange_declare(self, exchange: str, kind: str, arguments: Mapping[str, Any]) -> None:
        await self._operate("exchange_declare", exchange, kind, durable=True, arguments=arguments)

    def close(self) -> None:
        if self._driver.is_open:
            self._driver.close()

    async def _operate(self, operation: str, *arguments: Any, **named: Any) -> Any:
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        self._guard(
            lambda: getattr(self._driver, operation)(*arguments, callback=lambda frame: _set(answered, frame), **named)
        )
        await self._wait(answered)
        return answered.result()

    def _guard(self, operation: Callable[[], object]) -> None:
        try:
            operation()
        except AMQPError as error:
            raise ChannelClosed(0, _say(error)) from error

    async def _wait(self, answered: asyncio.Future[Any]) -> None:
        done, _ = await asyncio.wait(
            [answered, self.closed], timeout=_OPERATION_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        if answered in done:
            return
        if self.closed in done:
            raise self.closed.result()
        self.close()
        raise ChannelClosed(0, f"no answer within {_OPERATION_TIMEOUT_S:g} s")

    def _on_close(self, _channel: Any, reason: object) -> None:
        if not self.closed.done():
            self.closed.set_result(ChannelClosed(getattr(reason, "reply_code", 0) or 0, _say(reason)))


def _set(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _say(reason: object) -> str:
    """The driver's exceptions as one line a person can read."""
    text = getattr(reason, "reply_text", "") or str(reason) or type(reason).__name__
    return str(text).splitlines()[0][:300]
