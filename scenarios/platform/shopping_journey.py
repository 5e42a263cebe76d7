"""All of it: register, browse, basket, checkout, delivery, ticket; each step of the saga, and one trace through all."""

from __future__ import annotations

import json
from collections.abc import Mapping

from scenarios.platform.buying_steps import (
    ADMIN,
    CHECKOUT,
    CUSTOMER,
    SAGA_S,
    WITHDRAW,
    fill_basket,
    goods,
    keep_address,
)
from scenarios.platform.journeys import begun
from scenarios.platform.selling import until
from scenarios.platform.walking import entrance
from sim.checks.journey import ANY, Holds, Step, judge_journey
from sim.checks.traces import TRACE, Traced
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Scenario, Stage

INVOLVED = ("orders", "baskets", "addresses", "products", "deliveries", "newsletters")
"""Whom one checkout reaches, at once or by its events."""
_SAGA = ("reserve-stock", "create-order", "commit-stock", "create-delivery", "clear-basket", "notify")
_LOGS_S = 10.0

BEFORE = (
    *entrance(CUSTOMER, ADMIN),
    *goods(),
    Step(
        "browse", "GET", "/api/products?category={slug}", 200, CUSTOMER, shows={"items.*.sku": ["{sku}"]}, within_s=5.0
    ),
    Step("look at it", "GET", "/api/products/{sku}", 200, CUSTOMER, shows={"available": 10}),
    fill_basket(),
    keep_address(),
)
TRACED = Step(
    CHECKOUT.name,
    CHECKOUT.method,
    CHECKOUT.path,
    CHECKOUT.status,
    CUSTOMER,
    body=CHECKOUT.body,
    headers={**CHECKOUT.headers, "traceparent": "00-{trace_id}-00f067aa0ba902b7-01"},
    shows=CHECKOUT.shows,
    keeps=CHECKOUT.keeps,
)
AFTER = (
    Step(
        "every step of the saga is done",
        "GET",
        "/api/orders/{order_id}",
        200,
        CUSTOMER,
        shows={
            "state": "confirmed",
            "settled": True,
            "steps.*.step": list(_SAGA),
            "steps.*.status": ["done"] * len(_SAGA),
        },
        within_s=SAGA_S,
    ),
    Step("the basket is empty", "GET", "/api/baskets/current", 200, CUSTOMER, shows={"lines": []}, within_s=SAGA_S),
    Step(
        "the parcel is known",
        "GET",
        "/api/deliveries/by-order/{order_id}",
        200,
        CUSTOMER,
        shows={"state": "created", "tracking_code": ANY},
        keeps={"delivery_id": "delivery_id"},
    ),
    Step(
        "the mail is written",
        "GET",
        "/api/newsletters/messages?reference={order_id}",
        200,
        ADMIN,
        shows={"items.*.template": Holds("order-confirmed")},
        within_s=SAGA_S,
    ),
    *(
        Step(
            f"it is {state}",
            "POST",
            "/api/deliveries/{delivery_id}/events",
            201,
            ADMIN,
            body={"state": state},
            shows={"state": state},
        )
        for state in ("shipped", "in-transit", "delivered")
    ),
    Step(
        "the order is delivered",
        "GET",
        "/api/orders/{order_id}",
        200,
        CUSTOMER,
        shows={"state": "delivered"},
        within_s=SAGA_S,
    ),
    Step(
        "a ticket about it",
        "POST",
        "/api/sav",
        201,
        CUSTOMER,
        body={"subject": "Sim {mark}", "message": "One of two is missing.", "order_id": "{order_id}"},
        shows={"state": "open", "order_id": "{order_id}"},
    ),
    WITHDRAW,
)


def _rehearse(stage: Stage) -> None:
    walk = begun(stage)
    trace_id = f"{stage.rng.getrandbits(128) | 1:032x}"
    walk.name(trace_id=trace_id)
    walk.go((*BEFORE, TRACED, *AFTER))
    for deployment in (stage.topology.gateway.name, *(stage.topology.services[key].name for key in INVOLVED)):
        _find(stage, deployment, trace_id)


def _find(stage: Stage, deployment: str, trace_id: str) -> None:
    """Lines of one deployment's pods that carry the checkout's trace."""
    pods = [s.name for s in (*stage.plan.of_kind("gateway"), *stage.plan.of_kind("service")) if s.app == deployment]
    try:
        until(stage, lambda: any(_lines(stage, pod, trace_id) for pod in pods), _LOGS_S, poll_s=0.5)
        lines = sum(_lines(stage, pod, trace_id) for pod in pods)
    except SimError as error:
        stage.record(TRACE, deployment, Outcome.UNSURE, message=str(error))
        return
    stage.record(TRACE, deployment, Outcome.OK, lines=lines)


def _lines(stage: Stage, pod: str, trace_id: str) -> int:
    return sum(_is_of(line, trace_id) for line in stage.control.logs(pod).splitlines() if trace_id in line)


def _is_of(line: str, trace_id: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, Mapping) and entry.get("trace_id") == trace_id


SCENARIO = Scenario(
    name="platform/shopping-journey",
    claim="From registering to a ticket about what was delivered, everything works, and one trace leads through.",
    section="3",
    needs=("gateway", "service"),
    all_services=True,
    leaves_a_mark=True,
    rehearse=_rehearse,
    judge=Traced(judge_journey((*BEFORE, TRACED, *AFTER), "the whole journey"), INVOLVED),
    source="W3C Trace Context",
)
