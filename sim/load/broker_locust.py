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
from pika.exceptions import AMQPError, NackError, UnroutableError

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
        self.failure = ""
        self.more = Event()

    def finished(self, message: str, outcome: str, problem: str = "") -> None:
        """Write one fate down; nothing when the segment has given this message up already."""
        times = self.under_way.pop(message, None)
        if times is not None:
            due_s, sent_s = times
            self.sent.append(
                {
                    "event": "sent",
                    "id": message,
                    "due_s": due_s,
                    "sent_s": sent_s,
                    "done_s": time.monotonic(),
                    "outcome": outcome,
                    **({"message": problem} if problem else {}),
                }
            )


class BrokerUser(locust.User):
    """One connection, one channel, one message in flight. Enough of them keep the schedule open."""

    wait_time = locust.constant(0)
    addresses: tuple[dict[str, Any], ...] = ()
    queue = ""
    body_bytes = 0
    feed = Feed()
    made = 0

    def on_start(self) -> None:
        address = self.addresses[type(self).made % len(self.addresses)]
        type(self).made += 1
        try:
            self._connect(address)
        except (AMQPError, OSError) as error:
            self.feed.failure = f"{address['server']} let no publisher in: {type(error).__name__} {error}".strip()
        else:
            self.feed.connected += 1

    def _connect(self, address: dict[str, Any]) -> None:
        parameters = pika.ConnectionParameters(
            host=address["host"],
            port=address["port"],
            virtual_host=address["vhost"],
            credentials=pika.PlainCredentials(address["user"], address["password"]),
            connection_attempts=1,
            socket_timeout=_ANSWER_TIMEOUT_S,
            stack_timeout=_ANSWER_TIMEOUT_S,
            blocked_connection_timeout=_ANSWER_TIMEOUT_S,
            client_properties={"connection_name": "sim load"},
        )
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()

    @locust.task
    def publish(self) -> None:
        self.feed.more.wait()
        if not self.feed.waiting:
            gevent.sleep(_POLL_S)
            return
        message, due_s = self.feed.waiting.popleft()
        self.feed.under_way[message] = (due_s, due_s)
        gevent.sleep(max(0.0, due_s - time.monotonic()))
        sent_s = time.monotonic()
        self.feed.under_way[message] = (due_s, sent_s)
        problem = self._confirmed(message)
        seconds = time.monotonic() - sent_s
        self.environment.events.request.fire(
            request_type="AMQP",
            name="confirmed publish",
            response_time=seconds * 1000,
            response_length=self.body_bytes,
            exception=problem,
            context={},
        )

    def _confirmed(self, message: str) -> Exception | None:
        body = message.encode().ljust(self.body_bytes, b".")
        persistent = pika.BasicProperties(delivery_mode=2)
        try:
            self._channel.basic_publish("", self.queue, body, persistent, mandatory=True)
        except (NackError, UnroutableError) as error:
            self.feed.finished(message, "FAILED", type(error).__name__)
            return RuntimeError(type(error).__name__)
        except (AMQPError, OSError) as error:
            self.feed.finished(message, "UNSURE", f"{type(error).__name__} {error}".strip())
            # Without its connection this user would only fail; the others carry on.
            raise locust.exception.StopUser from error
        self.feed.finished(message, "OK")
        return None


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
    with _running(order["users"]) as environment:
        if not _await_users(feed, order["users"]):
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
