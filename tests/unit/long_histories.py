"""Histories of drills as long as one likes, good to the end: what a judge of a ledger must get through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sim.checks.blast import CALL, KINDS
from sim.checks.entries import CONTROL_INVENTORY, CONTROL_WRITE, INVENTORY, UNFINISHED, WRITE
from sim.checks.rest import CLUSTER, QUEUES, REST, SERVERS
from sim.history import Observation, Outcome
from tests.unit.drill_histories import LEADER, NODES, OTHER, publish, seen

_RATE_PER_S, _LEAST_S = 200.0, 45.0
_EVERY_S, _DOWN_S = 20.0, 2.0
_FIRST_FAULT_S = 10.0


def _rate_per_s(each: int) -> float:
    """A short history is spread thinner, so that its faults fall into it."""
    return min(_RATE_PER_S, each / _LEAST_S)


def broker_drill(count: int) -> Iterator[Observation]:
    """Half messages, half their arrivals; one death, and a leader looked for ever so often."""
    messages = count // 2
    rate = _rate_per_s(messages)
    queue: Mapping[str, Any] = {"type": "quorum", "members": NODES, "online": NODES}
    ends_s = messages / rate
    yield seen(0.0, "queue", phase="before", leader=LEADER, **queue)
    yield from (publish("control-publish", f"c-{n}", 0.0) for n in range(50))
    yield seen(_FIRST_FAULT_S, "fault", LEADER, name="kill -9", phase="inject", evidence="container exited")
    yield seen(_FIRST_FAULT_S + 4.0, "fault", LEADER, name="kill -9", phase="heal", evidence="serving")
    for number in range(messages):
        due_s = number / rate
        yield publish("publish", f"m-{number:06d}", due_s, after_s=0.3 if _FIRST_FAULT_S <= due_s < 10.5 else 0.003)
        yield seen(due_s + 0.4, "consume", id=f"m-{number:06d}", link=1, redelivered=False)
        if not number % 500:
            yield seen(due_s, "leader", leader=LEADER if due_s < _FIRST_FAULT_S else OTHER, term=number // 5000)
    yield seen(ends_s, "load", of="publish", attempted=messages, rate_per_s=rate)
    yield from (seen(ends_s, "consumer", of="consume") for _ in range(2))
    yield seen(ends_s, "queue", phase="after", leader=OTHER, **queue)
    yield seen(ends_s, "drain", messages=0)
    yield from (seen(ends_s, "ready", node, messages=0) for node in NODES)
    yield seen(ends_s, "control-drain", messages=0)
    yield from _rest(ends_s)


def entries_drill(count: int) -> Iterator[Observation]:
    """Writes, refused while the server is down, and one inventory of them all."""
    ids, rate = [f"r-{n:06d}" for n in range(count)], _rate_per_s(count)
    down = range(round(_FIRST_FAULT_S * rate), round((_FIRST_FAULT_S + _DOWN_S) * rate))
    for number, entry in enumerate(ids):
        yield publish(
            WRITE, entry, number / rate, outcome=Outcome.FAILED if number in down else Outcome.OK, after_s=0.004
        )
    yield seen(9.9, UNFINISHED, id="open-0")
    yield seen(_FIRST_FAULT_S, "fault", "db", name="kill -9", phase="inject", evidence="container exited")
    yield seen(_FIRST_FAULT_S + _DOWN_S, "fault", "db", name="kill -9", phase="heal", evidence="serving")
    ends_s = count / rate
    yield seen(ends_s, "load", of=WRITE, attempted=count, rate_per_s=rate)
    yield seen(ends_s, INVENTORY, whole=[e for n, e in enumerate(ids) if n not in down], broken=[])
    yield from (publish(CONTROL_WRITE, f"c-{n}", 4.0) for n in range(30))
    yield seen(ends_s, CONTROL_INVENTORY, whole=["c-1"], broken=[])
    yield from _rest(ends_s)


def shop_drill(count: int) -> Iterator[Observation]:
    """Questions of every kind, and a checkout for each hundred of them."""
    orders = count // 100
    per_kind = (count - orders) // len(KINDS)
    rate = _rate_per_s(per_kind)
    for number in range(per_kind):
        at_s = number / rate
        away = _FIRST_FAULT_S <= at_s < _FIRST_FAULT_S + _DOWN_S
        for kind in KINDS:
            outcome = Outcome.FAILED if away and kind == "orders" else Outcome.OK
            yield seen(at_s + 0.01, CALL, kind, outcome, intended_s=at_s, latency_s=0.01, status=200, message="")
    yield from _sale(orders, per_kind / rate)
    database = "orders-service-mysql"
    yield seen(_FIRST_FAULT_S, "fault", database, name="kill -9", phase="inject", evidence="container exited")
    yield seen(_FIRST_FAULT_S + _DOWN_S, "fault", database, name="kill -9", phase="heal", evidence="serving")
    yield from (seen(per_kind / rate, "load", kind, of=CALL) for kind in KINDS)
    yield from _rest(per_kind / rate)


def game_day(count: int) -> Iterator[Observation]:
    """Every ledger at once, a checkout in fifty, and a fault every twenty seconds."""
    ops = ("row", "entry", "object")
    orders = count // 50
    each = (count - orders) // (2 + len(ops))
    rate = _rate_per_s(each)
    ends_s = each / rate
    for number in range(each):
        due_s = number / rate
        late_s = 0.3 if due_s % _EVERY_S > _EVERY_S - 0.5 else 0.003
        yield publish("publish", f"m-{number:06d}", due_s, after_s=late_s)
        yield seen(due_s + 0.4, "consume", id=f"m-{number:06d}", link=1, redelivered=False)
        for op in ops:
            yield publish(op, f"{op}-{number:06d}", due_s, after_s=late_s)
    for number in range(max(1, int(ends_s / _EVERY_S))):
        at_s, node = _EVERY_S * number + _EVERY_S - 0.5, NODES[number % 3]
        yield seen(at_s, "fault", node, name="kill -9", phase="inject", evidence="container exited")
        yield seen(at_s + _DOWN_S, "fault", node, name="kill -9", phase="heal", evidence="serving")
    yield from _sale(orders, ends_s)
    for op in ops:
        yield seen(ends_s, f"{op}-inventory", whole=[f"{op}-{n:06d}" for n in range(each)], broken=[])
        yield seen(ends_s, "load", of=op, attempted=each)
    yield seen(ends_s, "load", of="publish", attempted=each)
    yield seen(ends_s, "consumer", of="consume")
    yield seen(ends_s, "drain", messages=0)
    yield seen(ends_s, "game", minutes=ends_s / 60, played=ends_s / 60)
    yield from _rest(ends_s)


def _rest(ends_s: float) -> Iterator[Observation]:
    return (seen(ends_s, REST, what, took_s=0.1, message="") for what in (SERVERS, CLUSTER, QUEUES))


def _sale(orders: int, ends_s: float) -> Iterator[Observation]:
    ids = [f"o-{n}" for n in range(orders)]
    for number, order in enumerate(ids):
        at_s = ends_s * number / orders
        yield seen(at_s + 0.1, "checkout", order_id=order, status=201, latency_s=0.1)
    sold = [{"reference": order, "kind": "sold", "quantity": 1} for order in ids]
    yield seen(0.0, "stock", phase="before", on_hand=orders, reserved=0, movements=[])
    yield seen(ends_s, "stock", phase="after", on_hand=0, reserved=0, movements=sold)
    yield seen(ends_s, "orders", items=[{"order_id": o, "state": "confirmed", "settled": True} for o in ids])
    yield seen(ends_s, "deliveries", items=[{"order_id": o, "delivery_id": f"d-{o}", "state": "x"} for o in ids])


LONG: Mapping[str, Callable[[int], Iterator[Observation]]] = {
    "failover/broker-leader": broker_drill,
    "failover/broker-leader-mixed": broker_drill,
    "failover/mysql-commits": entries_drill,
    "failover/shop-orders-database": shop_drill,
    "failover/game-day": game_day,
}
"""Scenario → a history that its judge says PASS to."""
