"""One AMQP 0-9-1 connection with one channel, driven step by step, every step with a deadline.

pika's BlockingConnection waits for a confirm without any deadline, so this drives its asynchronous connection by hand:
nothing moves unless :meth:`AmqpLink.pump` runs. Heartbeats too are sent and noticed only then; a link left alone for
longer than two heartbeats is closed by the broker, and the next ``pump`` sees it.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pika
from pika import spec
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionClosedByBroker

from sim.errors import Refused, Unreachable
from sim.servers.endpoint import Endpoint
from sim.servers.protocol import Tuning

_CLOSE_TIMEOUT_S = 1.0
_AUTHENTICATION_REFUSED = "403"
_VHOST_REFUSED = "530"


@dataclass(frozen=True, slots=True)
class AmqpLogin:
    user: str
    password: str
    vhost: str


@dataclass(frozen=True, slots=True)
class AmqpMessage:
    tag: int
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    redelivered: bool = False


class AmqpLink:
    """Made by :func:`dial`.

    Methods raise Refused when the broker closed the channel with a code, Unreachable when the connection was lost or no
    answer came in time; after either the link is of no more use.
    """

    def __init__(self, name: str, ioloop: IOLoop) -> None:
        self.name = name
        self.tuning: Tuning | None = None
        self.blocked: str | None = None
        self.received: deque[AmqpMessage] = deque()
        self._ioloop = ioloop
        self._connection: Any = None
        self._channel: Any = None
        self._lost: BaseException | None = None
        self._channel_closed: BaseException | None = None
        self.cancelled = False
        self._last_tag = 0
        self._waiting: dict[int, str] = {}
        self._fates: dict[int, str] = {}
        self._returned: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        return self._lost is None and self._channel_closed is None and self._connection is not None

    @property
    def server_version(self) -> str:
        return _text((self._connection.server_properties or {}).get("version", ""))

    def pump(self, until: Callable[[], bool], timeout_s: float) -> bool:
        """Let the connection work until ``until()``, or False after ``timeout_s``; zero reads what is here."""
        deadline_s = time.monotonic() + timeout_s
        while not until():
            left_s = deadline_s - time.monotonic()
            if left_s < 0:
                return False
            # A timer bounds the poll, which else would wait for as long as the socket is silent.
            timer = self._ioloop.call_later(max(left_s, 0.0), _nothing)
            self._ioloop.poll()
            self._ioloop.process_timeouts()
            self._ioloop.remove_timeout(timer)
            if timeout_s <= 0:
                return until()
        return True

    def open_channel(self, timeout_s: float) -> None:
        opened: list[Any] = []
        self._channel = self._connection.channel(on_open_callback=opened.append)
        self._channel.add_on_close_callback(self._on_channel_closed)
        self._wait(lambda: bool(opened), timeout_s, "open a channel")

    def reopen_channel(self, timeout_s: float) -> None:
        """After the broker closed the channel with a no: the connection goes on."""
        self._channel_closed = None
        self.open_channel(timeout_s)

    def confirm_deliveries(self, timeout_s: float) -> None:
        self._channel.add_on_return_callback(self._on_returned)
        self._call(
            "turn confirms on", timeout_s, lambda done: self._channel.confirm_delivery(self._on_confirm, callback=done)
        )

    def send(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        persistent: bool,
        headers: Mapping[str, Any] | None,
        properties: Mapping[str, str] | None = None,
    ) -> int:
        """Hand one mandatory message to the socket; its delivery tag. Confirms must be on.

        Of several in flight a returned one is known by its ``message_id``, which must then be its own.
        """
        self._require_open()
        self._last_tag += 1
        sent = spec.BasicProperties(
            delivery_mode=2 if persistent else 1, headers=dict(headers or {}) or None, **(properties or {})
        )
        self._waiting[self._last_tag] = (properties or {}).get("message_id", "")
        with self._speaking():
            self._channel.basic_publish(exchange, routing_key, body, sent, mandatory=True)
        return self._last_tag

    def fate(self, tag: int) -> str | None:
        """``acked``, ``nacked``, ``returned: why``, or None while the broker has said nothing."""
        return self._fates.get(tag)

    def forget(self, tag: int) -> None:
        self._fates.pop(tag, None)
        self._waiting.pop(tag, None)

    @property
    def has_fates(self) -> bool:
        return bool(self._fates)

    def take_fates(self) -> Mapping[int, str]:
        """Every fate that became known since the last call, by tag; they are forgotten."""
        fates, self._fates = self._fates, {}
        return fates

    def declare_queue(
        self, name: str, arguments: Mapping[str, Any] | None, *, timeout_s: float, passive: bool = False
    ) -> int:
        """Durable; the number of messages ready in it."""
        answer = self._call(
            f"declare queue {name}",
            timeout_s,
            lambda done: self._channel.queue_declare(
                name, passive=passive, durable=True, arguments=dict(arguments or {}), callback=done
            ),
        )
        return int(answer.method.message_count)

    def bind_queue(
        self, name: str, exchange: str, routing_key: str, arguments: Mapping[str, Any] | None, *, timeout_s: float
    ) -> None:
        self._call(
            f"bind queue {name}",
            timeout_s,
            lambda done: self._channel.queue_bind(
                name, exchange, routing_key, arguments=dict(arguments or {}), callback=done
            ),
        )

    def delete_queue(self, name: str, *, timeout_s: float) -> None:
        self._call(f"delete queue {name}", timeout_s, lambda done: self._channel.queue_delete(name, callback=done))

    def ask(self, what: str, start: Callable[[Any, Callable[[Any], None]], Any], timeout_s: float) -> Any:
        """Any other operation of the channel: ``start(channel, done)``. The broker's answer."""
        return self._call(what, timeout_s, lambda done: start(self._channel, done))

    def publish_as(self, exchange: str, user: str, timeout_s: float) -> None:
        """A message in another user's name, which never arrives: the broker checks the right to publish, then the name.

        Raises what the broker closed the channel with.
        """
        self._require_open()
        properties = spec.BasicProperties(user_id=user)
        self._channel.basic_publish(exchange, "sim-probe", b"", properties, mandatory=True)
        self._wait(lambda: False, timeout_s, f"publish to {exchange}")

    def renew(self, timeout_s: float) -> bool:
        """A fresh channel in place of this one, open or closed. False when the connection itself is gone."""
        if self._lost is not None or self._connection is None:
            return False
        if self._channel_closed is None:
            self._channel.close()
            self.pump(lambda: not self.is_open, timeout_s)
        self._channel_closed = None
        self.received.clear()
        self.open_channel(timeout_s)
        return True

    def purge_queue(self, name: str, *, timeout_s: float) -> None:
        self._call(f"purge queue {name}", timeout_s, lambda done: self._channel.queue_purge(name, callback=done))

    def get(self, queue: str, *, timeout_s: float) -> AmqpMessage | None:
        """One message, not yet acknowledged, or None when the queue said it is empty."""
        answers: list[AmqpMessage | None] = []

        def on_message(_channel: Any, method: Any, properties: Any, body: bytes) -> None:
            answers.append(AmqpMessage(method.delivery_tag, body, properties.headers or {}, method.redelivered))

        with self._speaking():
            self._channel.add_callback(lambda _frame: answers.append(None), [spec.Basic.GetEmpty], one_shot=True)
            self._channel.basic_get(queue, on_message)
        self._wait(lambda: bool(answers), timeout_s, f"get from queue {queue}")
        return answers[0]

    def consume(self, queue: str, *, prefetch: int, timeout_s: float) -> None:
        """Let messages flow into ``received``; ``cancelled`` once the broker has ended it, as when a queue goes."""
        self._channel.add_on_cancel_callback(self._on_cancelled)
        self._call(
            "set the prefetch", timeout_s, lambda done: self._channel.basic_qos(prefetch_count=prefetch, callback=done)
        )
        self._call(
            f"consume queue {queue}",
            timeout_s,
            lambda done: self._channel.basic_consume(queue, self._on_message, callback=done),
        )

    def acknowledge(self, tag: int) -> None:
        with self._speaking():
            self._channel.basic_ack(tag)

    def reject(self, tag: int, *, requeue: bool) -> None:
        with self._speaking():
            self._channel.basic_reject(tag, requeue=requeue)

    def close(self) -> None:
        """Say goodbye, so that what was sent before is worked off; cut the line when no answer comes."""
        if self._connection is None:
            return
        if self.is_open and self._connection.is_open:
            self._connection.close()
            self.pump(lambda: self._lost is not None, _CLOSE_TIMEOUT_S)
        self.abort()

    def abort(self) -> None:
        """Cut the line without a word."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if not connection.is_closed:
            connection._terminate_stream(AMQPError("given up"))  # noqa: SLF001 - pika has no public way to drop a silent peer
            self.pump(lambda: connection.is_closed, _CLOSE_TIMEOUT_S)
        self._ioloop.deactivate_poller()
        self._ioloop.close()

    def refusal(self) -> tuple[str, str]:
        """(code, text) the broker closed this link with; the code is empty when it closed without one."""
        lost = self._channel_closed or self._lost
        if lost is None:
            return "", ""
        error = _as_error(self.name, lost)
        return (error.code if isinstance(error, Refused) else ""), error.evidence

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Hand something to the wire. A connection on its way down refuses by exceptions of its own: Unreachable."""
        self._require_open()
        try:
            yield
        except AMQPError as error:
            raise _as_error(self.name, error) from error

    def _call(self, what: str, timeout_s: float, start: Callable[[Callable[[Any], None]], Any]) -> Any:
        answers: list[Any] = []
        with self._speaking():
            start(answers.append)
        self._wait(lambda: bool(answers), timeout_s, what)
        return answers[0]

    def _wait(self, until: Callable[[], bool], timeout_s: float, what: str) -> None:
        answered = self.pump(lambda: until() or not self.is_open, timeout_s)
        if until():
            return
        self._require_open()
        if not answered:
            raise Unreachable(
                f"{self.name} did not answer within {timeout_s:g} s: {what}.", evidence=self.blocked or ""
            )

    def _require_open(self) -> None:
        if self._channel_closed is not None:
            raise _as_error(self.name, self._channel_closed)
        if self._lost is not None:
            raise _as_error(self.name, self._lost)

    def _on_opened(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)

    def _on_lost(self, _connection: Any, error: BaseException) -> None:
        self._lost = error

    def _on_tune(self, frame: Any) -> None:
        method = frame.method
        self.tuning = Tuning(method.heartbeat, method.frame_max, method.channel_max)

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        self.blocked = _text(frame.method.reason) or "blocked"

    def _on_unblocked(self, _connection: Any, _frame: Any) -> None:
        self.blocked = None

    def _on_channel_closed(self, _channel: Any, error: BaseException) -> None:
        self._channel_closed = error

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.received.append(AmqpMessage(method.delivery_tag, body, properties.headers or {}, method.redelivered))

    def _on_cancelled(self, _frame: Any) -> None:
        self.cancelled = True

    def _on_returned(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        self._returned[properties.message_id or ""] = f"returned: {method.reply_code} {_text(method.reply_text)}"

    def _on_confirm(self, frame: Any) -> None:
        """A return comes before its message's ack, so an ack after a return means: not delivered anywhere."""
        method = frame.method
        acked = isinstance(method, spec.Basic.Ack)
        tags = [method.delivery_tag]
        if method.multiple:  # tags wait in the order they were sent
            tags = list(itertools.takewhile(lambda tag: tag <= method.delivery_tag, self._waiting))
        for tag in tags:
            returned = self._returned.pop(self._waiting.pop(tag, ""), "")
            self._fates[tag] = (returned or "acked") if acked else "nacked"


def dial(name: str, endpoint: Endpoint, login: AmqpLogin, timeout_s: float) -> AmqpLink:
    """Connect, log in, open the vhost and a channel. Raises Refused (403 the login, 530 the vhost) or Unreachable."""
    # Whatever pika would log reaches the caller as an error; a scenario that kills brokers must not fill a terminal.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    ioloop = IOLoop()
    ioloop.activate_poller()
    link = AmqpLink(name, ioloop)
    deadline_s = time.monotonic() + timeout_s
    parameters = pika.ConnectionParameters(
        host=endpoint.host,
        port=endpoint.port,
        virtual_host=login.vhost,
        credentials=pika.PlainCredentials(login.user, login.password),
        heartbeat=lambda _connection, proposed_s: proposed_s,
        connection_attempts=1,
        socket_timeout=timeout_s,
        stack_timeout=timeout_s,
        client_properties={"connection_name": "sim"},
    )
    opened: list[Any] = []

    def on_opened(connection: Any) -> None:
        link._on_opened(connection)  # noqa: SLF001 - this function is the class's only maker
        opened.append(connection)

    connection = SelectConnection(
        parameters,
        on_open_callback=on_opened,
        on_open_error_callback=link._on_lost,  # noqa: SLF001 - as above
        on_close_callback=link._on_lost,  # noqa: SLF001 - as above
        custom_ioloop=ioloop,
    )
    link._connection = connection  # noqa: SLF001 - as above
    connection.callbacks.add(0, spec.Connection.Tune, link._on_tune)  # noqa: SLF001 - as above
    try:
        link._wait(lambda: bool(opened), timeout_s, "AMQP handshake")  # noqa: SLF001 - as above
        link.open_channel(max(deadline_s - time.monotonic(), 0.1))
    except BaseException:
        link.abort()
        raise
    return link


def _as_error(name: str, error: BaseException) -> Refused | Unreachable:
    cause = _cause(error)
    if isinstance(cause, ConnectionClosedByBroker | ChannelClosedByBroker):
        code, text = str(cause.reply_code), _text(cause.reply_text)
        if code != "320":  # CONNECTION_FORCED: an operator or a shutdown, not a no to what was asked
            return Refused(f"{name} refused ({code}).", code, evidence=text)
    if isinstance(error, pika.exceptions.ProbableAuthenticationError):
        return Refused(f"{name} refused the login.", _AUTHENTICATION_REFUSED, evidence=_reason(error))
    if isinstance(error, pika.exceptions.ProbableAccessDeniedError):
        return Refused(f"{name} refused the virtual host.", _VHOST_REFUSED, evidence=_reason(error))
    return Unreachable(f"{name} gave no answer over AMQP.", evidence=_reason(error))


def _cause(error: BaseException) -> BaseException:
    """What the broker said, out of the wrappers pika puts around it."""
    for argument in error.args:
        if isinstance(argument, BaseException):
            return _cause(argument)
    return error


def _reason(error: BaseException) -> str:
    cause = _cause(error)
    if isinstance(cause, AMQPError) and cause.args:
        return " ".join(_text(argument) for argument in cause.args)
    return f"{type(cause).__name__} {cause}".strip()


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _nothing() -> None:
    """A timer's errand: it only has to end a wait."""
