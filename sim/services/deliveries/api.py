"""Routes and bodies of deliveries, below ``/api/deliveries``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sim.services.contract.events import Line, PostalAddress
from sim.services.contract.route import PUBLIC, SIGNED_IN, Route
from sim.services.contract.shop import Identifier
from sim.services.contract.text import END
from sim.services.deliveries.moves import Moved, State


class Movement(msgspec.Struct, frozen=True):
    """One scan of the parcel."""

    state: str
    location: str
    at: str
    note: str = ""


class Delivery(msgspec.Struct, frozen=True):
    """``reason`` says why it is ``refused`` or ``cancelled``; such a delivery may have neither carrier nor code.

    ``recalled`` says why a parcel already on its way is wanted back: its order was cancelled too late to stop it.
    """

    delivery_id: str
    order_id: str
    user_id: str
    state: State
    carrier: str | None
    tracking_code: str | None
    destination: PostalAddress | None
    lines: tuple[Line, ...]
    movements: tuple[Movement, ...]
    created_at: str
    updated_at: str
    reason: str | None = None
    recalled: str | None = None


class DeliverySummary(msgspec.Struct, frozen=True):
    delivery_id: str
    order_id: str
    user_id: str
    state: State
    carrier: str | None
    tracking_code: str | None
    country: str | None
    created_at: str
    updated_at: str


class Deliveries(msgspec.Struct, frozen=True):
    """Newest first."""

    items: tuple[DeliverySummary, ...]
    next: str | None


class Tracking(msgspec.Struct, frozen=True):
    """What anybody with the code may know: nobody's name, address or order. ``movements`` carry no notes."""

    tracking_code: str
    carrier: str
    state: State
    country: str
    movements: tuple[Movement, ...]


class DeliveriesQuery(msgspec.Struct, frozen=True):
    """``user`` is for who may see everybody's; ``after`` is the ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}" + END)] | None = None
    state: State | None = None
    user: Identifier | None = None


class NewMovement(msgspec.Struct, frozen=True):
    """``location`` is shown to whoever tracks the parcel, ``note`` to the customer and to staff."""

    state: Moved
    location: Annotated[str, Meta(max_length=120)] = ""
    note: Annotated[str, Meta(max_length=500)] = ""


ROUTES: Final = (
    Route(
        "deliveries.list",
        "GET",
        "",
        "The caller's deliveries; everybody's with deliveries.manage",
        SIGNED_IN,
        answers=Deliveries,
        query=DeliveriesQuery,
        problems=(403,),
    ),
    Route("deliveries.show", "GET", "/{delivery_id}", "One delivery", SIGNED_IN, answers=Delivery, problems=(404,)),
    Route(
        "deliveries.by-order",
        "GET",
        "/by-order/{order_id}",
        "The delivery of an order",
        SIGNED_IN,
        answers=Delivery,
        problems=(404,),
    ),
    Route(
        "deliveries.track",
        "GET",
        "/tracking/{tracking_code}",
        "Where a parcel is, for whoever has its code",
        PUBLIC,
        answers=Tracking,
        problems=(404,),
    ),
    Route(
        "deliveries.move",
        "POST",
        "/{delivery_id}/events",
        "A scan: created → shipped → in-transit (again and again) → delivered or returned; 409 for any other move",
        "deliveries.manage",
        takes=NewMovement,
        answers=Delivery,
        status=201,
        problems=(404, 409),
    ),
)
