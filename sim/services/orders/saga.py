"""The checkout's saga and an order's life as one pure function.

It takes where an order is and what happened, and answers where the order is now and what to say about it.

Happenings come in any order, more than once, and late. Each step is answered once, by its first answer; the order's
state follows from its steps, so that the order in which they were answered leaves no trace. An order is cancelled once,
and only then is ``order.cancelled`` to be emitted: that is the whole compensation, products and deliveries do theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from sim.services.contract.events import (
    BasketCleared,
    DeliveryCreated,
    DeliveryMoved,
    DeliveryRefused,
    NotificationSent,
    StockCommitted,
    StockRefused,
)

State = Literal["placed", "confirmed", "shipped", "delivered", "closed", "cancelled"]
Step = Literal[
    "reserve-stock",
    "create-order",
    "commit-stock",
    "create-delivery",
    "clear-basket",
    "notify",
    "restock",
    "cancel-delivery",
    "notify-cancellation",
]
Status = Literal["done", "pending", "refused", "requested", "skipped"]
"""``requested``: another service has surely been told and answers nothing. ``skipped``: there is nothing to do."""
Emission = Literal["order.cancelled", "confirmation", "cancellation"]
"""An event, or a notification to the customer."""

CONFIRMATION_TEMPLATE: Final = "order-confirmed"
CANCELLATION_TEMPLATE: Final = "order-cancelled"
STEPS: Final[tuple[Step, ...]] = (
    "reserve-stock",
    "create-order",
    "commit-stock",
    "create-delivery",
    "clear-basket",
    "notify",
    "restock",
    "cancel-delivery",
    "notify-cancellation",
)
"""In the order they are told to people."""
_RANK: Final[Mapping[str, int]] = {"placed": 0, "confirmed": 1, "shipped": 2, "delivered": 3, "closed": 4}
_SHIPMENT_RANK: Final[Mapping[str | None, int]] = {
    None: 0,
    "shipped": 1,
    "in-transit": 2,
    "delivered": 3,
    "returned": 3,
    "cancelled": 3,
}
_BY_STAFF: Final[Mapping[State, tuple[State, ...]]] = {
    "placed": ("cancelled",),
    "confirmed": ("shipped", "cancelled"),
    "shipped": ("delivered",),
    "delivered": ("closed",),
}
"""Moves staff may make by hand; only its own steps confirm an order."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """By its customer or by staff."""

    reason: str


@dataclass(frozen=True, slots=True)
class StateRequested:
    """By staff."""

    state: State
    reason: str


Happening: TypeAlias = (
    StockCommitted
    | StockRefused
    | DeliveryCreated
    | DeliveryRefused
    | DeliveryMoved
    | BasketCleared
    | NotificationSent
    | CancelRequested
    | StateRequested
)


_ANSWERS: Final[Mapping[type, tuple[Step, Status]]] = {
    StockCommitted: ("commit-stock", "done"),
    StockRefused: ("commit-stock", "refused"),
    DeliveryCreated: ("create-delivery", "done"),
    DeliveryRefused: ("create-delivery", "refused"),
    # A delivery that moves was created, whichever of the two is heard first.
    DeliveryMoved: ("create-delivery", "done"),
    BasketCleared: ("clear-basket", "done"),
}


class IllegalTransition(Exception):  # noqa: N818 - what it is, in the words of the 409 it becomes
    """The order cannot get there from here; nothing changed."""


_JUST_PLACED: Final[Mapping[Step, Status]] = {
    "reserve-stock": "done",
    "create-order": "done",
    "commit-stock": "pending",
    "create-delivery": "pending",
    "clear-basket": "pending",
}


@dataclass(frozen=True, slots=True)
class Saga:
    """``shipment`` is the furthest the delivery is known to have come; ``reason`` why the order was cancelled."""

    state: State = "placed"
    steps: Mapping[Step, Status] = field(default_factory=lambda: dict(_JUST_PLACED))
    shipment: str | None = None
    reason: str | None = None

    @property
    def is_settled(self) -> bool:
        """Nothing is waited for any more."""
        return self.state != "placed" and "pending" not in self.steps.values()


@dataclass(frozen=True, slots=True)
class Outcome:
    """``emits`` is in the order to say it."""

    saga: Saga
    emits: tuple[Emission, ...] = ()


def advance(saga: Saga, happening: Happening) -> Outcome:
    """Raises IllegalTransition for a request that cannot be met; an event of another service is never refused."""
    match happening:
        case StateRequested(state=state, reason=reason):
            return _move_by_hand(saga, state, reason)
        case CancelRequested(reason=reason):
            return _cancel_on_request(saga, reason)
        case _:
            return _follow(_noted(saga, happening), happening)


def _noted(saga: Saga, happening: Happening) -> Saga:
    """With the step it answers, where that step still waited."""
    if isinstance(happening, NotificationSent):
        cancellation = happening.template == CANCELLATION_TEMPLATE
        return _answered(saga, "notify-cancellation" if cancellation else "notify", "done")
    answered = _answered(saga, *_ANSWERS[type(happening)])
    if isinstance(happening, DeliveryMoved):
        further = _SHIPMENT_RANK.get(happening.state, 0) > _SHIPMENT_RANK[saga.shipment]
        return replace(answered, shipment=happening.state) if further else answered
    return answered


def _follow(saga: Saga, happening: Happening) -> Outcome:
    """The state its steps call for."""
    if saga.state == "cancelled":
        return Outcome(_compensating(saga))
    if "refused" in (saga.steps["commit-stock"], saga.steps["create-delivery"]):
        return _cancelled(saga, getattr(happening, "reason", "Refused."))
    if saga.shipment == "cancelled":
        return _cancelled(saga, "The delivery was cancelled.")
    reached = _reached(saga)
    if _RANK[reached] <= _RANK[saga.state]:
        return Outcome(saga)
    if saga.state != "placed":
        return Outcome(replace(saga, state=reached))
    return Outcome(replace(saga, state=reached, steps={**saga.steps, "notify": "pending"}), ("confirmation",))


def _reached(saga: Saga) -> State:
    """As far as its steps and its parcel have brought it."""
    if "pending" in (saga.steps["commit-stock"], saga.steps["create-delivery"]):
        return "placed"
    if saga.shipment is None:
        return "confirmed"
    return "delivered" if saga.shipment == "delivered" else "shipped"


def _cancel_on_request(saga: Saga, reason: str) -> Outcome:
    if saga.state == "cancelled":
        return Outcome(saga)
    if saga.state not in {"placed", "confirmed"} or saga.shipment is not None:
        where = saga.shipment or saga.state
        raise IllegalTransition(f"An order that is {where} cannot be cancelled any more.")
    return _cancelled(saga, reason)


def _move_by_hand(saga: Saga, state: State, reason: str) -> Outcome:
    came_back = saga.state == "shipped" and saga.shipment == "returned"
    following = _BY_STAFF.get(saga.state, ()) + (("cancelled",) if came_back else ())
    if state not in following:
        may = " or ".join(following) if following else "nothing more"
        own = " An order confirms itself, once its stock and its delivery are." if state == "confirmed" else ""
        raise IllegalTransition(f"An order that is {saga.state} cannot become {state}; {may} can follow.{own}")
    if state == "cancelled":
        return _cancelled(saga, reason) if came_back else _cancel_on_request(saga, reason)
    return Outcome(replace(saga, state=state))


def _cancelled(saga: Saga, reason: str) -> Outcome:
    steps: dict[Step, Status] = {**saga.steps, "notify-cancellation": "pending"}
    cancelled = replace(saga, state="cancelled", steps=steps, reason=reason)
    return Outcome(_compensating(cancelled), ("order.cancelled", "cancellation"))


def _compensating(saga: Saga) -> Saga:
    """What is left to undo follows from what was done, however late that is heard."""
    stock, delivery = saga.steps["commit-stock"], saga.steps["create-delivery"]
    cancel_delivery: Status = "pending"
    if delivery == "refused":
        cancel_delivery = "skipped"
    elif saga.shipment in {"cancelled", "returned"}:
        cancel_delivery = "done"
    elif saga.shipment is not None:
        cancel_delivery = "refused"
    restock: Status = "skipped" if stock == "refused" else "requested"
    steps: dict[Step, Status] = {**saga.steps, "restock": restock, "cancel-delivery": cancel_delivery}
    return replace(saga, steps=steps)


def _answered(saga: Saga, step: Step, status: Status) -> Saga:
    if saga.steps.get(step) != "pending":
        return saga
    return replace(saga, steps={**saga.steps, step: status})
