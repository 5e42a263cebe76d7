"""Shipments made of orders, on real servers: whatever is heard first, and however often."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from tests.docker.services.gateway_stand import eventually
from tests.docker.services.orders_stand import ADDRESS, LINE, Person, Stand

STAFF = Person.new("deliveries.manage")


def placed(order_id: str, person: Person, country: str = "FR") -> dict[str, Any]:
    return {
        "order_id": order_id,
        "user_id": person.user_id,
        "email": "ada@example.com",
        "basket_id": str(uuid.uuid4()),
        "basket_version": 1,
        "lines": [LINE],
        "address": ADDRESS | {"country": country},
        "total_cents": 2500,
        "currency": "EUR",
    }


def cancelled(order_id: str, person: Person) -> dict[str, Any]:
    return {"order_id": order_id, "user_id": person.user_id, "reason": "changed my mind"}


def delivery(
    shop: Stand, order_id: str, person: Person, ready: Callable[[Any], bool] = lambda _: True
) -> dict[str, Any]:
    """The order's, once it is there and ``ready``."""
    seen: list[Any] = []

    def found() -> bool:
        seen.append(shop.ask("deliveries", "GET", f"/by-order/{order_id}", who=person))
        return seen[-1].status == 200 and ready(seen[-1].document)

    eventually(found)
    document: dict[str, Any] = seen[-1].document
    return document


def move(shop: Stand, delivery_id: str, state: str, who: Person = STAFF, **more: str) -> Any:
    return shop.ask("deliveries", "POST", f"/{delivery_id}/events", {"state": state, **more}, who=who)


def test_an_order_told_of_twice_has_one_delivery(shop: Stand) -> None:
    """Also when the two tellings are different messages: the order's id is what counts."""
    me, order_id = Person.new(), str(uuid.uuid4())
    for _ in range(3):
        shop.client.tell("order.placed", placed(order_id, me))
    made = delivery(shop, order_id, me)
    assert (made["state"], made["carrier"], made["destination"]["city"]) == ("created", "colissimo", "Paris")
    assert made["lines"] == [{"sku": "LAMP-1", "quantity": 2}]
    eventually(lambda: shop.client.depth("deliveries-service.events") == 0)
    assert len(shop.told("delivery.created", order_id)) == 1
    assert shop.rows("deliveries", "SELECT COUNT(*) FROM deliveries WHERE order_id = %s", order_id) == [(1,)]


def test_where_no_carrier_goes_the_delivery_is_refused(shop: Stand) -> None:
    """And says why, in the event as in the delivery."""
    me, order_id = Person.new(), str(uuid.uuid4())
    shop.client.tell("order.placed", placed(order_id, me, "AQ"))
    refused = delivery(shop, order_id, me)
    assert (refused["state"], refused["tracking_code"]) == ("refused", None)
    eventually(lambda: len(shop.told("delivery.refused", order_id)) == 1)
    assert "AQ" in shop.told("delivery.refused", order_id)[0]["reason"]


def test_a_cancellation_heard_before_its_order_forbids_the_delivery(shop: Stand) -> None:
    """Whoever waits for the delivery learns that there is none."""
    me, order_id = Person.new(), str(uuid.uuid4())
    shop.client.tell("order.cancelled", cancelled(order_id, me))
    assert delivery(shop, order_id, me)["state"] == "cancelled"
    shop.client.tell("order.placed", placed(order_id, me))
    eventually(lambda: len(shop.told("delivery.refused", order_id)) == 1)
    assert delivery(shop, order_id, me)["state"] == "cancelled"
    assert not shop.told("delivery.created", order_id)


def test_placed_and_cancelled_at_the_same_moment_end_without_a_parcel(shop: Stand) -> None:
    """Twenty orders, both events of each at once: none is left to be shipped."""
    me = Person.new()
    ids = [str(uuid.uuid4()) for _ in range(20)]
    for number, order_id in enumerate(ids):
        events = [("order.placed", placed(order_id, me)), ("order.cancelled", cancelled(order_id, me))]
        for name, payload in events if number % 2 else reversed(events):
            shop.client.tell(name, payload)
    for order_id in ids:
        delivery(shop, order_id, me, lambda found: found["state"] == "cancelled")


def test_a_parcel_is_moved_by_staff_and_followed_by_anybody(shop: Stand) -> None:
    """Step by step, no step left out; whoever has the code sees where it is, and not whose."""
    me, order_id = Person.new(), str(uuid.uuid4())
    shop.client.tell("order.placed", placed(order_id, me))
    made = delivery(shop, order_id, me)
    delivery_id = made["delivery_id"]
    assert move(shop, delivery_id, "shipped", who=me).status == 403
    assert move(shop, delivery_id, "delivered").status == 409
    assert move(shop, delivery_id, "lost").status == 422
    assert move(shop, delivery_id, "shipped", location="Lille", note="for Ada, at the neighbour's").status == 201
    assert move(shop, delivery_id, "in-transit", location="Lyon").status == 201
    assert move(shop, delivery_id, "in-transit", location="Paris").status == 201
    tracked = shop.ask("deliveries", "GET", f"/tracking/{made['tracking_code'].lower()}")
    assert tracked.status == 200
    assert [each["location"] for each in tracked.document["movements"]] == ["", "Lille", "Lyon", "Paris"]
    written = json.dumps(tracked.document)
    for secret in ("Ada", "Rivoli", order_id, me.user_id, delivery_id):
        assert secret not in written
    assert move(shop, delivery_id, "delivered").status == 201
    assert move(shop, delivery_id, "returned").status == 409
    eventually(lambda: len(shop.told("delivery.moved", order_id)) == 3)
    assert [each["state"] for each in shop.told("delivery.moved", order_id)] == ["shipped", "in-transit", "delivered"]
    assert shop.ask("deliveries", "GET", "/tracking/CO-0000-0000-0000").status == 404
    assert shop.ask("deliveries", "GET", "/tracking/%27%20OR%201").status == 404


def test_a_cancellation_stops_what_has_not_left_and_recalls_what_has(shop: Stand) -> None:
    """The first says ``cancelled``; the second goes on, marked."""
    me, staying, gone = Person.new(), str(uuid.uuid4()), str(uuid.uuid4())
    for order_id in (staying, gone):
        shop.client.tell("order.placed", placed(order_id, me))
    assert move(shop, delivery(shop, gone, me)["delivery_id"], "shipped").status == 201
    delivery(shop, staying, me)
    for order_id in (staying, gone):
        for _ in range(2):
            shop.client.tell("order.cancelled", cancelled(order_id, me))
    stopped = delivery(shop, staying, me, lambda found: found["state"] == "cancelled")
    assert stopped["reason"] == "changed my mind"
    recalled = delivery(shop, gone, me, lambda found: found["recalled"] is not None)
    assert recalled["state"] == "shipped"
    eventually(lambda: shop.client.depth("deliveries-service.events") == 0)
    assert [each["state"] for each in shop.told("delivery.moved", staying)] == ["cancelled"]


def test_nobody_sees_anothers_delivery_and_staff_see_all(shop: Stand) -> None:
    """404 by either id; the list holds one's own; everybody's needs the permission."""
    me, other, order_id = Person.new(), Person.new(), str(uuid.uuid4())
    shop.client.tell("order.placed", placed(order_id, me))
    made = delivery(shop, order_id, me)
    for path in (f"/{made['delivery_id']}", f"/by-order/{order_id}"):
        assert shop.ask("deliveries", "GET", path, who=other).status == 404
        assert shop.ask("deliveries", "GET", path, who=STAFF).status == 200
    assert shop.ask("deliveries", "GET", "", who=other).document["items"] == []
    assert shop.ask("deliveries", "GET", "", who=other, query=f"user={me.user_id}").status == 403
    found = shop.ask("deliveries", "GET", "", who=STAFF, query=f"user={me.user_id}&state=created").document["items"]
    assert [each["order_id"] for each in found] == [order_id]
