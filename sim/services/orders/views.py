"""What callers see of orders, and the cache of it.

A view is cached under the order's id and version: the version is read from MySQL on every look, so that a cached view
is never an old one, with nothing to invalidate and nothing lost when Redis is away.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

from sim.services.chassis.service import CacheGone, Call, Context, Row, Transaction
from sim.services.contract.access import Identity
from sim.services.contract.events import PostalAddress, PricedLine
from sim.services.contract.problem import not_found
from sim.services.orders.api import (
    History,
    HistoryEntry,
    Order,
    OrderDelivery,
    OrdersQuery,
    OrderSummary,
    SagaStep,
    StuckOrder,
)
from sim.services.orders.saga import STEPS

READ_ANY: Final = "orders.read-any"
_CACHED_S: Final = 300
_IDENTIFIER: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_identifier(text: str) -> bool:
    """Whether an order could have this id at all."""
    return _IDENTIFIER.fullmatch(text) is not None


def visible(row: Row | None, caller: Identity, permission: str) -> Row:
    """``row``, where it is the caller's or they hold ``permission``. Raises Problem 404."""
    if row is None or (row["user_id"] != caller.user_id and not caller.may(permission)):
        raise not_found("This order")
    return row


def show(call: Call) -> Order:
    order_id = call.path["order_id"]
    with call.context.transaction() as tx:
        found = tx.row("SELECT * FROM orders WHERE order_id = %s", order_id) if is_identifier(order_id) else None
        row = visible(found, call.caller, READ_ANY)
        cached = _cached(call.context, _key(row))
        if cached is not None:
            return cached
        # Every change of an order locks its row: sharing it, all parts of the view are of one version.
        row = tx.row("SELECT * FROM orders WHERE order_id = %s FOR SHARE", order_id) or row
        order = read(tx, row)
    _keep(call.context, _key(row), order)
    return order


def history(call: Call) -> History:
    order_id = call.path["order_id"]
    with call.context.transaction() as tx:
        found = tx.row("SELECT * FROM orders WHERE order_id = %s", order_id) if is_identifier(order_id) else None
        row = visible(found, call.caller, READ_ANY)
        rows = tx.rows("SELECT * FROM order_events WHERE order_number = %s ORDER BY number", row["number"])
    return History(
        tuple(
            HistoryEntry(
                name=each["name"],
                before=each["state_before"],
                after=each["state_after"],
                actor=each["actor"],
                detail=each["detail"],
                at=_iso(each["at"]),
            )
            for each in rows
        )
    )


def page(tx: Transaction, query: OrdersQuery, user_id: str | None) -> tuple[tuple[OrderSummary, ...], str | None]:
    """Newest first, and where the next page begins."""
    after = None if query.after is None else int(query.after)
    wanted = (("user_id = %s", user_id), ("state = %s", query.state), ("number < %s", after))
    bounds = [(clause, value) for clause, value in wanted if value is not None]
    where = " AND ".join(clause for clause, _ in bounds) or "TRUE"
    rows = tx.rows(
        f"SELECT * FROM orders WHERE {where} ORDER BY number DESC LIMIT %s",  # noqa: S608 - the clauses above
        *(value for _, value in bounds),
        query.limit + 1,
    )
    following = str(rows[query.limit - 1]["number"]) if len(rows) > query.limit else None
    return tuple(map(_summary, rows[: query.limit])), following


def stuck(tx: Transaction, older_than_s: int, limit: int) -> tuple[tuple[StuckOrder, ...], int]:
    """Unsettled orders in which nothing moved for so long, oldest first, and how many there are."""
    where = "settled = FALSE AND updated_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND"
    counted = tx.row(f"SELECT COUNT(*) AS stuck FROM orders WHERE {where}", older_than_s)  # noqa: S608 - a constant
    rows = tx.rows(
        "SELECT o.order_id, o.number, o.state, o.updated_at, GROUP_CONCAT(s.step) AS steps"  # noqa: S608 - a constant
        " FROM orders o LEFT JOIN order_steps s ON s.order_number = o.number AND s.status = 'pending'"
        f" WHERE {where} GROUP BY o.number ORDER BY o.updated_at LIMIT %s",
        older_than_s,
        limit,
    )
    items = []
    for row in rows:
        waited_for = set((row["steps"] or "").split(","))
        steps = tuple(step for step in STEPS if step in waited_for)
        items.append(StuckOrder(row["order_id"], row["number"], row["state"], steps, _iso(row["updated_at"])))
    return tuple(items), int(counted["stuck"]) if counted else 0


def read(tx: Transaction, row: Row) -> Order:
    """The whole order of a row of ``orders``."""
    number = row["number"]
    lines = tx.rows("SELECT * FROM order_lines WHERE order_number = %s ORDER BY position", number)
    to = tx.row("SELECT * FROM order_addresses WHERE order_number = %s", number)
    steps = {step["step"]: step for step in tx.rows("SELECT * FROM order_steps WHERE order_number = %s", number)}
    if to is None:
        raise LookupError(f"order {row['order_id']} has no address")
    delivery = None
    if row["delivery_id"] is not None:
        delivery = OrderDelivery(row["delivery_id"], row["tracking_code"], row["shipment"] or "created")
    return Order(
        order_id=row["order_id"],
        number=number,
        user_id=row["user_id"],
        state=row["state"],
        lines=tuple(
            PricedLine(line["sku"], line["name"], line["quantity"], line["unit_price_cents"]) for line in lines
        ),
        total_cents=row["total_cents"],
        currency=row["currency"],
        address=PostalAddress(to["recipient"], to["line1"], to["postal_code"], to["city"], to["country"], to["line2"]),
        steps=tuple(
            SagaStep(step, steps[step]["status"], _iso(steps[step]["began_at"]), _iso(steps[step]["changed_at"]))
            for step in STEPS
            if step in steps
        ),
        settled=bool(row["settled"]),
        delivery=delivery,
        cancel_reason=row["cancel_reason"],
        placed_at=_iso(row["placed_at"]),
        updated_at=_iso(row["updated_at"]),
        version=row["version"],
    )


def _key(row: Row) -> str:
    return f"order:{row['order_id']}:{row['version']}"


def _cached(context: Context, key: str) -> Order | None:
    try:
        kept = context.cache.get(key)
        return msgspec.json.decode(kept, type=Order) if kept is not None else None
    except (CacheGone, msgspec.DecodeError):
        return None


def _keep(context: Context, key: str, order: Order) -> None:
    try:
        context.cache.set(key, msgspec.json.encode(order), _CACHED_S)
    except CacheGone:
        return


def _summary(row: Row) -> OrderSummary:
    return OrderSummary(
        order_id=row["order_id"],
        number=row["number"],
        user_id=row["user_id"],
        state=row["state"],
        total_cents=row["total_cents"],
        currency=row["currency"],
        settled=bool(row["settled"]),
        placed_at=_iso(row["placed_at"]),
        updated_at=_iso(row["updated_at"]),
    )


def _iso(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='microseconds')}Z"
