"""Stock as its keepers see it: what there is, how it came about, receiving and correcting it."""

from __future__ import annotations

from typing import Final

from sim.services.chassis.service import Call, Reply, Row, Transaction
from sim.services.contract.problem import Problem, not_found
from sim.services.products import api, search, shelf
from sim.services.products.catalogue import known_sku
from sim.services.products.search import Cursor

_LEVEL: Final = "SELECT on_hand, reserved FROM stock WHERE sku = %s"
_LEVEL_LOCKED: Final = f"{_LEVEL} FOR UPDATE"


def show(call: Call) -> api.StockCard:
    query: api.StockQuery = call.query
    sku = known_sku(call.path["sku"])
    cursor = search.decode(query.after, "moved") if query.after else None
    before = _movement_id(cursor) if cursor else 2**63 - 1
    with call.context.transaction() as tx:
        row = _level(tx, sku)
        movements = tx.rows(
            "SELECT * FROM stock_movements WHERE sku = %s AND movement_id < %s ORDER BY movement_id DESC LIMIT %s",
            sku,
            before,
            query.limit + 1,
        )
    page = movements[: query.limit]
    more = len(movements) > query.limit
    return api.StockCard(
        sku=sku,
        on_hand=row["on_hand"],
        reserved=row["reserved"],
        available=row["on_hand"] - row["reserved"],
        movements=tuple(_movement(movement) for movement in page),
        next=search.encode(Cursor("moved", page[-1]["movement_id"], sku)) if more else None,
    )


def adjust(call: Call) -> Reply:
    wanted: api.StockChange = call.body
    sku = known_sku(call.path["sku"])
    with call.context.transaction() as tx:
        done = shelf.adjust(tx, sku, wanted.change, wanted.reason, call.caller.user_id)
        row = _level(tx, sku, lock=True)
        if not done:
            raise Problem(
                409,
                f"{row['on_hand']} on hand with {row['reserved']} reserved cannot change by {wanted.change}.",
                on_hand=row["on_hand"],
                reserved=row["reserved"],
            )
        reply = tx.answer(api.StockLevel(sku, row["on_hand"], row["reserved"], row["on_hand"] - row["reserved"]))
        shelf.outdate(tx, call.context, {sku: wanted.change})
    return reply


def _level(tx: Transaction, sku: str, *, lock: bool = False) -> Row:
    row = tx.row(_LEVEL_LOCKED if lock else _LEVEL, sku)
    if row is None:
        raise not_found("This product")
    return row


def _movement(row: Row) -> api.StockMovement:
    return api.StockMovement(
        row["quantity"], row["kind"], row["reason"], row["reference"], f"{row['moved_at'].isoformat()}Z"
    )


def _movement_id(cursor: Cursor) -> int:
    if not isinstance(cursor.value, int):
        raise Problem(422, "'after' is not a cursor of this list.")
    return cursor.value
