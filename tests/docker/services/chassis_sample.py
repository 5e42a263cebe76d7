"""A service with a behaviour for each promise of the chassis; it stands in the place of baskets."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import msgspec

from sim.services.chassis.run import run
from sim.services.chassis.service import Call, Event, Service, Transaction
from sim.services.contract.events import BasketCleared
from sim.services.contract.problem import Problem
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route


class Make(msgspec.Struct):
    """``crash``: the process kills itself right after the commit. ``after``: refused until that one is made."""

    name: str
    crash: bool = False
    after: str = ""


class Wait(msgspec.Struct):
    seconds: float = 0.0


MAKE = Route("baskets.make", "POST", "/made", "make one", PUBLIC, takes=Make, status=201)
LIST = Route("baskets.list", "GET", "/made", "what was made", PUBLIC)
SLOW = Route("baskets.slow", "GET", "/slow", "take a while", PUBLIC, query=Wait)
BUG = Route("baskets.bug", "GET", "/bug", "fail", PUBLIC)
MINE = Route("baskets.mine", "GET", "/mine", "signed in", SIGNED_IN)
EDIT = Route("baskets.edit", "GET", "/edit", "with a permission", "products.write")
INNER = Route("baskets.inner", "GET", "/inner", "between services", INTERNAL)
CROSS = Route("baskets.cross", "POST", "/cross/{first}/{second}", "two rows in this order", PUBLIC)
ONWARD = Route("baskets.onward", "GET", "/onward", "ask payments", PUBLIC)
PING_PAYMENTS = Route("payments.ping", "GET", "/ping", "", PUBLIC, answers=dict[str, str])


def make(call: Call) -> Any:
    with call.context.transaction() as tx:
        if call.body.after and tx.row("SELECT 1 FROM made WHERE name = %s", call.body.after) is None:
            raise Problem(409, f"There is no {call.body.after} yet.")
        tx.execute("INSERT INTO made (name) VALUES (%s)", call.body.name)
        tx.emit("basket.cleared", BasketCleared(order_id=call.body.name, basket_id="b"))
        reply = tx.answer({"made": call.body.name, "at_ns": time.time_ns()})
    if call.body.crash:
        os.kill(os.getpid(), signal.SIGKILL)
    return reply


def list_made(call: Call) -> Any:
    with call.context.transaction() as tx:
        return [row["name"] for row in tx.rows("SELECT name FROM made ORDER BY id")]


def slow(call: Call) -> Any:
    time.sleep(call.query.seconds)
    return {"slept": call.query.seconds}


def bug(_call: Call) -> Any:
    return 1 // int("0")


def nothing(call: Call) -> Any:
    call.context.log("info", "at work")
    return {}


def cross(call: Call) -> Any:
    with call.context.transaction() as tx:
        for name in (call.path["first"], call.path["second"]):
            tx.execute("UPDATE counters SET value = value + 1 WHERE name = %s", name)
            time.sleep(0.3)
        return tx.answer({})


def onward(call: Call) -> Any:
    return call.context.ask(PING_PAYMENTS)


def on_order_placed(event: Event, tx: Transaction) -> None:
    tx.execute("INSERT INTO made (name) VALUES (%s)", f"order {event.payload.order_id}")


def on_product_changed(event: Event, tx: Transaction) -> None:
    tx.execute("INSERT INTO made (name) VALUES (%s)", event.payload.sku)
    if event.payload.name == "poison":
        raise RuntimeError("poison")


SERVICE = Service(
    key="baskets",
    routes=(MAKE, LIST, SLOW, BUG, MINE, EDIT, INNER, CROSS, ONWARD),
    handlers={
        MAKE.name: make,
        LIST.name: list_made,
        SLOW.name: slow,
        BUG.name: bug,
        MINE.name: nothing,
        EDIT.name: nothing,
        INNER.name: nothing,
        CROSS.name: cross,
        ONWARD.name: onward,
    },
    events={"order.placed": on_order_placed, "product.changed": on_product_changed},
    migrations="tests.docker.services.chassis_migrations",
)

if __name__ == "__main__":
    sys.exit(run("baskets-service", SERVICE, os.environ))
