"""Shoppers at a gateway by Locust, in processes of its own: importing Locust patches all sockets.

``python -m sim.load.shop_locust`` reads JSON objects, one a line, from standard input: first an order (``host``,
``users``, ``workers``, ``people``, ``mix``, ``seed``…), then any number of ``{"play": {…}}``, then end of input. It
writes one JSON object a line: ``{"event": "ready"}``, ``{"event": "began"}`` as a segment starts, and after it
``{"event": "parts"}`` with each worker's part. Anything else than that is a generator that failed.

One worker drives by itself. More are processes of their own behind Locust's master; ``python -m sim.load.shop_locust
HOST PORT PARENT`` is one. Workers of other machines join the same master. It ends with its parent.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.queue import Queue
from locust.env import Environment

from sim.load.dying import die_with_parent, take_precedence
from sim.load.shop_worker import GRACE_S, ORDER, PART, PLAY, STOP, ShopUser, listen, play, take_order

_LEAD_S = 0.1
_DRAWING_S = 10e-6
"""More than it takes to draw up one request of a schedule, all of which is done before the first is due."""
_JOIN_DEADLINE_S = 60.0
_SPAWN_DEADLINE_S = 30.0
_POLL_S = 0.02
_LOOPBACK = "127.0.0.1"
_EVERYWHERE = frozenset({"*", "0.0.0.0"})  # noqa: S104 - what a user may ask for
_Parts = list[dict[str, Any]]
_Player = Callable[[dict[str, Any], "Lines"], _Parts]


class Lines:
    """Standard input, read by a thread so that no greenlet ever waits for it. None is its end."""

    def __init__(self) -> None:
        self.coming: Queue[dict[str, Any] | None] = Queue()
        self.stopped = False
        gevent.spawn(self._read)

    def _read(self) -> None:
        pool = gevent.get_hub().threadpool
        while line := pool.spawn(sys.stdin.readline).get():
            said = json.loads(line)
            if said.get("stop"):
                self.stopped = True
            else:
                self.coming.put(said)
        self.stopped = True
        self.coming.put(None)


def main() -> int:
    order = json.loads(sys.stdin.readline())
    die_with_parent(order["parent_pid"])
    take_precedence()
    logging.disable(logging.CRITICAL)  # every failure is in the results
    lines = Lines()
    with (_alone if order["workers"] == 1 and not order["bind"] else _master)(order) as player:
        if isinstance(player, str):
            _say({"event": "failed", "message": player})
            return 1
        _say({"event": "ready"})
        while (said := lines.coming.get()) is not None:
            _say({"event": "parts", "parts": player(said["play"], lines)})
    return 0


@contextmanager
def _alone(order: dict[str, Any]) -> Iterator[_Player]:
    environment = Environment(user_classes=[ShopUser], host=order["host"])
    crowd = take_order(order, 0)
    runner = environment.create_local_runner()
    runner.start(order["users"], spawn_rate=order["users"])

    def player(said: dict[str, Any], lines: Lines) -> _Parts:
        watcher = gevent.spawn(_until_stopped, lines, lambda: setattr(crowd, "stopping", True))
        try:
            return [play(crowd, _begun(said), 1)]
        finally:
            watcher.kill()

    try:
        yield player
    finally:
        with gevent.Timeout(2.0, exception=False):
            runner.quit()


@contextmanager
def _master(order: dict[str, Any]) -> Iterator[_Player | str]:
    """Locust's master. ``bind`` is ``host:port`` for workers of other machines, empty for those of this one alone."""
    host, _, port = (order["bind"] or f"{_LOOPBACK}:0").rpartition(":")
    environment = Environment(user_classes=[ShopUser], host=order["host"])
    number = int(port) or _free_port()
    runner = environment.create_master_runner(host, number)
    local = [_worker(_LOOPBACK if host in _EVERYWHERE else host, number) for _ in range(order["own"])]
    parts: Queue[dict[str, Any]] = Queue()
    runner.register_message(PART, lambda msg, **_: parts.put(dict(msg.data)))

    def player(said: dict[str, Any], lines: Lines) -> _Parts:
        watcher = gevent.spawn(_until_stopped, lines, lambda: runner.send_message(STOP))
        runner.send_message(PLAY, _begun(said))
        ends_s = time.monotonic() + said["duration_s"] + 2 * GRACE_S
        came: _Parts = []
        try:
            while len(came) < order["workers"] and time.monotonic() < ends_s:
                with gevent.Timeout(max(0.1, ends_s - time.monotonic()), exception=False):
                    came.append(parts.get())
        finally:
            watcher.kill()
        # A worker that was lost measured nothing, and what it should have sent was not sent.
        return came if len(came) == order["workers"] else []

    try:
        yield player if _joined(runner, order) else f"{runner.worker_count} of {order['workers']} workers joined"
    finally:
        with gevent.Timeout(2.0, exception=False):
            runner.quit()
        for process in local:
            process.kill()
            process.wait()


def _joined(runner: Any, order: dict[str, Any]) -> bool:
    """Every worker is there, knows its part, and has its users."""
    if not _awaited(lambda: runner.worker_count >= order["workers"], _JOIN_DEADLINE_S):
        return False
    for number, worker in enumerate(sorted(runner.clients.ready, key=lambda w: w.id)):
        runner.send_message(ORDER, {**order, "number": number}, worker.id)
    runner.start(order["users"], spawn_rate=order["users"])
    return _awaited(lambda: runner.user_count >= order["users"], _SPAWN_DEADLINE_S)


def _awaited(condition: Callable[[], bool], within_s: float) -> bool:
    ends_s = time.monotonic() + within_s
    while not condition() and time.monotonic() < ends_s:
        gevent.sleep(_POLL_S)
    return condition()


def _begun(said: dict[str, Any]) -> dict[str, Any]:
    lead_s = _LEAD_S + _DRAWING_S * said["rate_per_s"] * said["duration_s"]
    begins_at_s = time.time() + lead_s
    _say({"event": "began", "began_s": time.monotonic() + lead_s})
    return {**said, "begins_at_s": begins_at_s}


def _until_stopped(lines: Lines, stop: Callable[[], None]) -> None:
    while not lines.stopped:
        gevent.sleep(_POLL_S)
    stop()


def _free_port() -> int:
    import socket  # noqa: PLC0415 - patched by now, as it must be

    with socket.socket() as taken:
        taken.bind((_LOOPBACK, 0))
        return int(taken.getsockname()[1])


def _worker(host: str, port: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "sim.load.shop_locust", host, str(port), str(os.getpid())]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def work(host: str, port: int, parent_pid: int) -> None:
    """A worker process of this machine, until its master ends."""
    die_with_parent(parent_pid)
    take_precedence()
    logging.disable(logging.CRITICAL)
    environment = Environment(user_classes=[ShopUser])
    runner = environment.create_worker_runner(host, port)
    listen(environment, [])
    runner.greenlet.join()


def _say(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    code = main() if len(sys.argv) == 1 else 0
    sys.stdout.flush()
    # Whatever still hangs in a socket must not hold the end up.
    os._exit(code)
