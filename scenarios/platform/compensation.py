"""An order that cannot be delivered is cancelled with all its effects, once."""

from __future__ import annotations

from scenarios.platform.buying_steps import (
    ADMIN,
    CUSTOMER,
    SAGA_S,
    WITHDRAW,
    fill_basket,
    goods,
    keep_address,
)
from scenarios.platform.journeys import begun
from scenarios.platform.walking import entrance
from sim.checks.journey import ANY, AtMost, Step, Sums, judge_journey
from sim.scenario import Scenario, Stage

_UNSERVED = "AQ"
_SECOND_LOOK_S = 3.0

_STOCK_BACK = {"on_hand": 10, "reserved": 0, "movements.*.quantity": Sums(10), "movements.#": AtMost(3)}
STEPS = (
    *entrance(CUSTOMER, ADMIN),
    *goods(),
    keep_address(_UNSERVED),
    fill_basket(),
    Step(
        "check out",
        "POST",
        "/api/orders/checkout",
        201,
        CUSTOMER,
        body={"address_id": "{address_id}"},
        shows={"state": "placed"},
        keeps={"order_id": "order_id"},
    ),
    Step(
        "the order is cancelled",
        "GET",
        "/api/orders/{order_id}",
        200,
        CUSTOMER,
        shows={"state": "cancelled", "cancel_reason": ANY},
        within_s=SAGA_S,
    ),
    Step(
        "the stock is back",
        "GET",
        "/api/products/{sku}/stock",
        200,
        ADMIN,
        shows=_STOCK_BACK,
        within_s=SAGA_S,
    ),
    Step(
        "the delivery was refused",
        "GET",
        "/api/deliveries/by-order/{order_id}",
        200,
        CUSTOMER,
        shows={"state": "refused", "reason": ANY},
    ),
    Step(
        "the customer was told, once",
        "GET",
        "/api/newsletters/messages?reference={order_id}",
        200,
        ADMIN,
        shows={"items.*.template": ["order-cancelled"]},
        within_s=SAGA_S,
    ),
)
LATER = (
    Step("and it stays so", "GET", "/api/products/{sku}/stock", 200, ADMIN, shows=_STOCK_BACK),
    Step("the order too", "GET", "/api/orders/{order_id}", 200, CUSTOMER, shows={"state": "cancelled"}),
    WITHDRAW,
)


def _rehearse(stage: Stage) -> None:
    walk = begun(stage)
    walk.go(STEPS)
    # Something done twice would be done a moment later.
    stage.clock.sleep_s(_SECOND_LOOK_S)
    walk.go(LATER)


SCENARIO = Scenario(
    name="platform/compensation",
    claim="An order to where no carrier goes is cancelled: its stock comes back once, and its customer is told once.",
    section="3",
    needs=("gateway", "service"),
    all_services=True,
    leaves_a_mark=True,
    rehearse=_rehearse,
    judge=judge_journey((*STEPS, *LATER), "the order was undone, once"),
    source="Saga with compensating transactions (Garcia-Molina and Salem, 1987)",
)
