"""Locust's FastHttpUser and nothing else, as fast as it goes: ``python -m tests.bench.bare_locust URL USERS SECONDS``.

Prints how many requests a second it had answered, and its CPU seconds for each.
"""

from __future__ import annotations

import logging
import os
import sys
import time

import gevent
import locust
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment

_WARM_UP_S = 1.0


class Bare(FastHttpUser):
    """One GET after the other."""

    wait_time = locust.constant(0)

    @locust.task
    def get(self) -> None:
        self.client.get("/api/products")


def main(url: str, users: int, seconds: float) -> None:
    logging.disable(logging.CRITICAL)
    environment = Environment(user_classes=[Bare], host=url)
    environment.create_local_runner().start(users, spawn_rate=users)
    gevent.sleep(_WARM_UP_S)
    before, began_s, cpu_s = environment.stats.total.num_requests, time.monotonic(), time.process_time()
    gevent.sleep(seconds)
    answered = environment.stats.total.num_requests - before
    sys.stdout.write(f"{answered / (time.monotonic() - began_s)} {(time.process_time() - cpu_s) / answered}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
