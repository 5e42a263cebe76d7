"""The routes payments will have: below ``/api/payments``. None is there yet (sections 2 and 3)."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sim.services.contract.route import SIGNED_IN, Route
from sim.services.contract.shop import Identifier


class StartPayment(msgspec.Struct, frozen=True):
    """For one of the caller's orders; ``method`` as the provider will know it."""

    order_id: Identifier
    method: Annotated[str, Meta(min_length=1, max_length=40)]


START: Final = Route(
    "payments.start", "POST", "", "Planned: pay an order", SIGNED_IN, takes=StartPayment, problems=(501,), light=True
)
SHOW: Final = Route(
    "payments.show", "GET", "/{payment_id}", "Planned: one payment", SIGNED_IN, problems=(501,), light=True
)
REFUND: Final = Route(
    "payments.refund",
    "POST",
    "/{payment_id}/refund",
    "Planned: give the money back",
    "orders.manage",
    problems=(501,),
    light=True,
)

ROUTES: Final = (START, SHOW, REFUND)
