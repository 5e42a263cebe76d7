"""Shoppers for Locust's own program: its web UI, its command line, its master and workers.

::

    locust -f sim/load/locustfile.py                                          # the web UI, on port 8089
    locust -f sim/load/locustfile.py --host … --headless -u 40 --rate 20 -t 1m
    locust -f sim/load/locustfile.py --worker --master-host HOST              # helps `sim load --bind`, or a master

The web UI begins with the gateway's documented port as its host, and with users enough for twice the usual rate; the
port of a stack that is up is in `sim status`.

``--rate`` is the whole test's requests a second, on an open-loop schedule; Locust's users are its connections, so there
should be about twice as many users as requests a second. Response times count from when a request was due. What could
not be sent is a failure named "never sent".
"""

from __future__ import annotations

import random
import time
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from sim.clock import SystemClock
from sim.errors import BadInput, SimError
from sim.load.arrivals import customers_needed
from sim.load.enrolment import enrol
from sim.load.journeys import MIX, parse_mix
from sim.load.open_loop import Segment
from sim.load.people import People
from sim.load.shop_user import Crowd
from sim.load.shop_worker import ShopUser, listen
from sim.servers.gateway import UrlGateway

__all__ = ["ShopUser"]

_WORKERS = "sim-workers"
# What the masters of this process have said: orders of the rig's, and how many workers share a test.
_ORDERS: list[dict[str, Any]] = []
_SHARES: list[int] = [1]
_PIECE_S = 5.0
_GRACE_S = 0.0
_DEFAULT_RATE_PER_S = 10.0
_DEFAULT_USERS = 40
"""Locust's own is one, whose connection is busy most of the time: nearly nothing would be sent."""
_DEFAULT_HOST = "http://127.0.0.1:8100"


def options(parser: Any) -> None:
    """Shown by ``--help`` and in the web UI's form, whose other fields begin with what suits them."""
    parser.set_defaults(host=_DEFAULT_HOST, num_users=_DEFAULT_USERS, spawn_rate=float(_DEFAULT_USERS))
    parser.add_argument(
        "--rate", type=float, default=_DEFAULT_RATE_PER_S, help="Requests a second, of the whole test (open loop)"
    )
    parser.add_argument(
        "--mix", default=",".join(f"{name}={share:g}" for name, share in MIX.items()), help="Journeys and their shares"
    )


def wired(environment: Environment, **_: Any) -> None:
    """A worker also takes the rig's orders, from whichever master it joined."""
    ShopUser.crowd = Crowd(People.nobody(), {"browse": 1.0}, "0", 0)
    if isinstance(environment.runner, WorkerRunner):
        listen(environment, _ORDERS)
        environment.runner.register_message(_WORKERS, lambda msg, **_: _SHARES.append(int(msg.data["workers"])))


def begun(environment: Environment, **_: Any) -> None:
    """Enrol this process's share of customers, then keep its share of the rate until the test ends."""
    runner, options_ = environment.runner, environment.parsed_options
    if isinstance(runner, MasterRunner):
        runner.send_message(_WORKERS, {"workers": runner.worker_count})
        return
    if _ORDERS or runner is None or options_ is None or not environment.host:
        return
    workers, number = _place(runner)
    try:
        mix = parse_mix(options_.mix)
        rate_per_s = float(options_.rate) / workers
        if not rate_per_s > 0:
            raise BadInput(f"{options_.rate} is no rate.", next_step="--rate 20")
        rng = random.Random(f"{time.time_ns()}/{number}")  # noqa: S311 - apart from others, not secret
        people = enrol(UrlGateway(environment.host), SystemClock(), rng, customers_needed(mix, rate_per_s))
    except SimError as error:
        _failed(environment, "preparing", error)
        runner.quit()
        return
    crowd = Crowd(people, dict(mix), str(rng.getrandbits(32)), number)
    crowd.shown = True
    ShopUser.crowd = crowd
    gevent.spawn(_drive, environment, crowd, rate_per_s)


def ended(**_: Any) -> None:
    ShopUser.crowd.stopping = True


def _place(runner: Any) -> tuple[int, int]:
    """(how many workers, which one this is)."""
    if isinstance(runner, WorkerRunner):
        return max(1, *_SHARES[-1:]), max(0, runner.worker_index)
    return 1, 0


def _drive(environment: Environment, crowd: Crowd, rate_per_s: float) -> None:
    begins_s = time.monotonic()
    while not crowd.stopping:
        played = crowd.play(Segment("steady", rate_per_s, _PIECE_S), begins_s, _GRACE_S, goes_on=True)
        begins_s += _PIECE_S
        for _ in range(int(played["unsent"])):
            _failed(environment, "never sent", _NEVER)


_NEVER = RuntimeError("no connection was free: more users, or a slower rate")


def _failed(environment: Environment, name: str, error: Exception) -> None:
    fire: Any = environment.events.request.fire
    fire(request_type="", name=name, response_time=0, response_length=0, exception=error, context={})


# What Locust calls; a file like this one is read for these alone.
for hook, listener in (
    (events.init_command_line_parser, options),
    (events.init, wired),
    (events.test_start, begun),
    (events.test_stopping, ended),
):
    add: Any = hook.add_listener
    add(listener)
