"""What a Locust worker does for an order of the rig's: make its crowd, play each segment, send back what came of it.

The same in the process that drives alone, in worker processes of this machine, and in those of other machines, which
join by Locust's own ``--worker --master-host`` (see ``locustfile.py``).
"""

from __future__ import annotations

import time
from typing import Any

from locust.env import Environment

from sim.load.open_loop import Segment
from sim.load.people import People
from sim.load.shop_user import Crowd, Shopper

ORDER, PLAY, STOP, PART = "sim-order", "sim-play", "sim-stop", "sim-part"
"""Messages between master and workers: whom to be, what to play, to stop at once, and what came of it."""
GRACE_S = 11.0
"""After a segment, for answers: a little longer than a request is waited for."""


class ShopUser(Shopper):
    """The one user class; master and workers know it by this name."""

    abstract = False


def take_order(order: dict[str, Any], number: int) -> Crowd:
    """The crowd of worker ``number`` of ``order["workers"]``."""
    people = People.of(order["people"]).share(number, int(order["workers"]))
    crowd = Crowd(people, dict(order["mix"]), str(order["seed"]), number)
    ShopUser.crowd = crowd
    ShopUser.host = str(order["host"])
    return crowd


def play(crowd: Crowd, said: dict[str, Any], workers: int) -> dict[str, Any]:
    """One segment's share. ``begins_at_s`` is Unix time, which machines share; each measures by its own clock."""
    segment = Segment(str(said["name"]), float(said["rate_per_s"]) / workers, float(said["duration_s"]))
    begins_s = time.monotonic() + (float(said["begins_at_s"]) - time.time())
    return crowd.play(segment, begins_s, GRACE_S, float(said.get("give_up", 0.0)))


def listen(environment: Environment, orders: list[dict[str, Any]]) -> None:
    """Have a worker's runner answer the master's messages; ``orders`` holds the order once there is one."""
    runner: Any = environment.runner
    crowds: list[Crowd] = []

    def on_order(msg: Any, **_: Any) -> None:
        orders[:] = [dict(msg.data)]
        crowds[:] = [take_order(orders[0], int(msg.data["number"]))]

    def on_play(msg: Any, **_: Any) -> None:
        runner.send_message(PART, play(crowds[0], msg.data, int(orders[0]["workers"])))

    def on_stop(**_: Any) -> None:
        for crowd in crowds:
            crowd.stopping = True

    runner.register_message(ORDER, on_order)
    runner.register_message(PLAY, on_play, concurrent=True)
    runner.register_message(STOP, on_stop)
