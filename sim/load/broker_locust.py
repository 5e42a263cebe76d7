"""Confirmed publishes at an open-loop rate by Locust, in a process of its own: importing Locust patches all sockets.

``python -m sim.load.broker_locust`` reads one JSON object from standard input (``LocustOrder``), and writes one JSON
object a line: ``{"event": "ready"}``, ``{"event": "began", "segment"}`` when a segment starts, one
``{"event": "sent", …}`` for each message after its segment, ``{"event": "segment", …}`` with the generator's own
numbers, and ``{"event": "end"}``. Anything less than an end is a generator that failed.

It ends with its parent, and at the latest after ``time_limit_s``.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import locust
import pika
from gevent.event import Event
from locust.env import Environment
from locust.exception import StopUser
from pika.exceptions import AMQPError

from sim.load.dying import die_with_parent

_CONNECT_DEADLINE_S = 15.0
_ANSWER_TIMEOUT_S = 10.0
_GRACE_S = 5.0
_POLL_S = 0.005
_LEAD_S = 0.05


class Feed:
    """Operations of the segment under way, handed to whichever user is free, in the order they are due."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, float]] = deque()
        self.under_way: dict[str, tuple[float, float]] = {}
        self.sent: list[dict[str, Any]] = []
        self.connected = 0
        self.in_flight_max = 0
        self.failure = ""
        self.more = Event()

    def finished(self, message: str, outcome: str, problem: str = "") -> float:
        """Write one fate down, unless the segment has given this message up already; seconds since it was sent."""
        done_s = time.monotonic()
        due_s, sent_s = self.under_way.pop(message, (0.0, 0.0))
        if not sent_s:
            return 0.0
        self.sent.append(
            {
                "event": "sent",
                "id": message,
                "due_s": due_s,
                "sent_s": sent_s,
                "done_s": done_s,
                "outcome": outcome,
                **({"message": problem} if problem else {}),
            }
        )
        return done_s - sent_s


class BrokerUser(locust.User):
    """One connection that streams: a message is sent when it is due, whether or not earlier ones are confirmed yet.

    Only so is the schedule open: with one message in flight at a time, a slow broker would hold the next ones back.
    The connection's loop runs in a greenlet of its own; pika is touched nowhere else.
    """

    wait_time = locust.constant(0)
    addresses: tuple[dict[str, Any], ...] = ()
    queue = ""
    body_bytes = 0
    feed = Feed()
    made = 0

    def on_start(self) -> None:
        address = self.addresses[type(self).made % len(self.addresses)]
        type(self).made += 1
        self._server = address["server"]
        self._unconfirmed: dict[int, str] = {}
        self._returned: set[str] = set()
        self._last_tag = 0
        self._lost = ""
        self._channel: Any = None
        self._connection = pika.SelectConnection(
            pika.ConnectionParameters(
                host=address["host"],
                port=address["port"],
                virtual_host=address["vhost"],
                credentials=pika.PlainCredentials(address["user"], address["password"]),
                connection_attempts=1,
                socket_timeout=_ANSWER_TIMEOUT_S,
                stack_timeout=_ANSWER_TIMEOUT_S,
                blocked_connection_timeout=_ANSWER_TIMEOUT_S,
                client_properties={"connection_name": "sim load"},
            ),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._on_channel),
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
        )
        gevent.spawn(self._connection.ioloop.start)

    @locust.task
    def publish(self) -> None:
        """One message: wait until it is due, and hand it to the connection."""
        self.feed.more.wait()
        if self._lost:
            # Without its connection this user would only fail; the others carry on.
            raise StopUser
        if not self.feed.waiting:
            gevent.sleep(_POLL_S)
            return
        message, due_s = self.feed.waiting.popleft()
        gevent.sleep(max(0.0, due_s - time.monotonic()))
        self.feed.under_way[message] = (due_s, time.monotonic())
        self._connection.ioloop.add_callback_threadsafe(lambda: self._send(message))

    def _send(self, message: str) -> None:
        body = message.encode().ljust(self.body_bytes, b".")
        properties = pika.BasicProperties(delivery_mode=2, message_id=message)
        try:
            self._channel.basic_publish("", self.queue, body, properties, mandatory=True)
        except AMQPError as error:
            self._finish(message, "FAILED", f"not sent: {self._lost or type(error).__name__}")
            return
        self._last_tag += 1
        self._unconfirmed[self._last_tag] = message
        self.feed.in_flight_max = max(self.feed.in_flight_max, len(self.feed.under_way))

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_return_callback(lambda _channel, _method, properties, _body: self._on_return(properties))
        channel.add_on_close_callback(self._on_lost)
        channel.confirm_delivery(self._on_confirm, callback=self._on_ready)

    def _on_ready(self, _frame: Any) -> None:
        self.feed.connected += 1

    def _on_return(self, properties: Any) -> None:
        """No queue took it; its confirm is still to come, and will be positive."""
        self._returned.add(str(properties.message_id))

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tags = [t for t in self._unconfirmed if t <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            message = self._unconfirmed.pop(tag, None)
            if message is None:
                continue
            if isinstance(method, pika.spec.Basic.Nack):
                self._finish(message, "FAILED", "nacked")
            elif message in self._returned:
                self._finish(message, "FAILED", "returned: no queue took it")
            else:
                self._finish(message, "OK")

    def _on_lost(self, _who: Any, error: BaseException) -> None:
        self._lost = f"{self._server}: {type(error).__name__} {error}".strip()
        self.feed.failure = self.feed.failure or self._lost
        for message in self._unconfirmed.values():
            self._finish(message, "UNSURE", f"connection lost before the confirm: {self._lost}")
        self._unconfirmed.clear()
        self._connection.ioloop.stop()

    def _finish(self, message: str, outcome: str, problem: str = "") -> None:
        latency_s = self.feed.finished(message, outcome, problem)
        self.environment.events.request.fire(
            request_type="AMQP",
            name="confirmed publish",
            response_time=latency_s * 1000,
            response_length=self.body_bytes,
            exception=RuntimeError(problem) if problem else None,
            context={},
        )


def main() -> int:
    order = json.loads(sys.stdin.readline())
    die_with_parent(order["parent_pid"])
    signal.setitimer(signal.ITIMER_REAL, order["time_limit_s"])  # the default action of SIGALRM is to end the process
    logging.disable(logging.CRITICAL)  # every failure is in the results
    feed = Feed()
    BrokerUser.addresses = tuple(order["addresses"])
    BrokerUser.queue = order["queue"]
    BrokerUser.body_bytes = order["body_bytes"]
    BrokerUser.feed = feed
    with _running(order["connections"]) as environment:
        if not _await_users(feed, order["connections"]):
            _say({"event": "failed", "message": feed.failure or "not every publisher connected in time"})
            return 1
        _say({"event": "ready"})
        for segment in order["segments"]:
            _drive(segment, feed, environment)
    _say({"event": "end"})
    return 0


@contextmanager
def _running(users: int) -> Iterator[Environment]:
    environment = Environment(user_classes=[BrokerUser])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    try:
        yield environment
    finally:
        with gevent.Timeout(_GRACE_S, exception=False):
            runner.quit()


def _await_users(feed: Feed, users: int) -> bool:
    deadline_s = time.monotonic() + _CONNECT_DEADLINE_S
    while feed.connected < users and not feed.failure and time.monotonic() < deadline_s:
        gevent.sleep(_POLL_S)
    return feed.connected == users


def _drive(segment: dict[str, Any], feed: Feed, environment: Environment) -> None:
    """Play one segment to its end, and then write down what became of every message."""
    began_s = time.monotonic() + _LEAD_S
    cpu_s = time.process_time()
    requests = environment.stats.total.num_requests
    feed.sent = []
    feed.in_flight_max = 0
    feed.waiting.extend((f"{segment['name']}-{n:06d}", began_s + due_s) for n, due_s in enumerate(segment["due_s"]))
    feed.more.set()
    _say({"event": "began", "segment": segment["name"], "began_s": began_s})
    ends_s = began_s + segment["duration_s"]
    while time.monotonic() < ends_s:
        gevent.sleep(min(_POLL_S * 10, max(0.0, ends_s - time.monotonic())))
    cpu_share = (time.process_time() - cpu_s) / (time.monotonic() - began_s + _LEAD_S)
    while (feed.waiting or feed.under_way) and time.monotonic() < ends_s + _GRACE_S:
        gevent.sleep(_POLL_S)
    feed.more.clear()
    unsent = len(feed.waiting)
    feed.waiting.clear()
    for message in tuple(feed.under_way):
        feed.finished(message, "UNSURE", f"no confirm within {_GRACE_S:g} s of the segment's end")
    for sent in feed.sent:
        sys.stdout.write(json.dumps(sent) + "\n")
    _say(
        {
            "event": "segment",
            "name": segment["name"],
            "began_s": began_s,
            "due": len(segment["due_s"]),
            "unsent": unsent,
            "cpu_share": cpu_share,
            "in_flight_max": feed.in_flight_max,
            "locust_requests": environment.stats.total.num_requests - requests,
        }
    )


def _say(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Whatever still hangs in a socket must not hold the end up.
    code = main()
    sys.stdout.flush()
    os._exit(code)
