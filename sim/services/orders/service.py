"""Orders as a service: what each route does, what each event does, and a watch over sagas that stand still."""

from __future__ import annotations

from typing import Final

from sim.services.chassis.service import Call, Chore, Context, Event, Reply, Service, Transaction
from sim.services.contract.events import NotificationSent
from sim.services.contract.problem import Problem
from sim.services.orders import ledger, views
from sim.services.orders.api import ROUTES, Cancellation, Orders, OrdersQuery, StateChange, StuckOrders, StuckQuery
from sim.services.orders.checkout import checkout
from sim.services.orders.saga import CancelRequested, Happening, IllegalTransition, StateRequested

MANAGE: Final = "orders.manage"
STUCK_AFTER_S: Final = 60
_TOLD_ABOUT: Final = 10
HEARD: Final = (
    "stock.committed",
    "stock.refused",
    "delivery.created",
    "delivery.refused",
    "delivery.moved",
    "basket.cleared",
    "notification.sent",
)


def _list(call: Call) -> Orders:
    caller = call.caller
    query: OrdersQuery = call.query
    everybodys = caller.may(views.READ_ANY)
    if query.user not in {None, caller.user_id} and not everybodys:
        raise Problem(403, f"Other customers' orders need the permission {views.READ_ANY}.")
    with call.context.transaction() as tx:
        return Orders(*views.page(tx, query, query.user if everybodys else caller.user_id))


def _stuck(call: Call) -> StuckOrders:
    query: StuckQuery = call.query
    with call.context.transaction() as tx:
        return StuckOrders(*views.stuck(tx, query.older_than_s, query.limit))


def _cancel(call: Call) -> Reply:
    wanted: Cancellation = call.body
    by = "its customer" if not call.caller.may(MANAGE) else call.caller.user_id
    reason = wanted.reason.strip() or f"Cancelled by {by}."
    return _change(call, "cancel.requested", CancelRequested(reason), reason)


def _move(call: Call) -> Reply:
    wanted: StateChange = call.body
    reason = wanted.reason.strip() or f"Set by {call.caller.user_id}."
    return _change(call, "state.requested", StateRequested(wanted.state, reason), f"{wanted.state}: {reason}")


def _change(call: Call, name: str, request: Happening, detail: str) -> Reply:
    order_id = call.path["order_id"]
    with call.context.transaction() as tx:
        found = ledger.lock(tx, order_id) if views.is_identifier(order_id) else None
        row = views.visible(found, call.caller, MANAGE)
        try:
            ledger.happen(tx, row, name, request, actor=call.caller.user_id, detail=detail)
        except IllegalTransition as illegal:
            raise Problem(409, str(illegal), state=row["state"]) from illegal
        return tx.answer(views.read(tx, ledger.lock(tx, order_id) or row))


def _hear(event: Event, tx: Transaction) -> None:
    """Take an event of another service to the order it is about."""
    payload = event.payload
    order_id = payload.reference if isinstance(payload, NotificationSent) else payload.order_id
    row = ledger.lock(tx, order_id) if views.is_identifier(order_id) else None
    if row is None:
        # Notifications are told of by reference, which may be a ticket's; anything else should not be.
        event.context.log("debug", "event of no order here", event=event.name, order_id=order_id)
        return
    detail = getattr(payload, "reason", "") or getattr(payload, "state", "")
    outcome = ledger.happen(tx, row, event.name, payload, actor=event.publisher, detail=detail)
    if outcome.saga.state != row["state"]:
        event.context.log("info", f"order {outcome.saga.state}", order_id=order_id, because=event.name)


def _watch_stuck(context: Context) -> None:
    """Say which orders wait for an answer that does not come; they go on by themselves when it does."""
    with context.transaction() as tx:
        oldest, count = views.stuck(tx, STUCK_AFTER_S, _TOLD_ABOUT)
    context.measure("stuck_orders", count)
    if count:
        context.log(
            "warning",
            "orders stuck",
            stuck_orders=count,
            oldest=[{"order_id": each.order_id, "waits_for": each.waits_for, "since": each.since} for each in oldest],
        )


SERVICE: Final = Service(
    key="orders",
    routes=ROUTES,
    handlers={
        "orders.checkout": checkout,
        "orders.list": _list,
        "orders.stuck": _stuck,
        "orders.show": views.show,
        "orders.history": views.history,
        "orders.cancel": _cancel,
        "orders.move": _move,
    },
    events=dict.fromkeys(HEARD, _hear),
    migrations="sim.services.orders.migrations",
    uses_cache=True,
    chores=(Chore("stuck orders", 15.0, _watch_stuck),),
)
