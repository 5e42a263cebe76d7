"""Orders and their saga on real servers; the test plays baskets and products, deliveries and addresses are real."""

from __future__ import annotations

import uuid
from typing import Any

from tests.docker.services.gateway_stand import eventually
from tests.docker.services.orders_stand import Person, Stand, allow

MANAGER = Person.new("orders.manage", "orders.read-any")
STAFF = Person.new("deliveries.manage")


def tell(shop: Stand, name: str, order_id: str, **payload: Any) -> None:
    shop.client.tell(name, {"order_id": order_id, **payload})


def confirmed(shop: Stand, person: Person) -> dict[str, Any]:
    order_id = shop.checkout(person)["order_id"]
    tell(shop, "stock.committed", order_id)
    return shop.when(order_id, person, state="confirmed")


def ship(shop: Stand, order: dict[str, Any]) -> None:
    path = f"/{order['delivery']['delivery_id']}/events"
    assert shop.ask("deliveries", "POST", path, {"state": "shipped"}, who=STAFF).status == 201


def test_an_order_is_placed_confirmed_and_settled(shop: Stand) -> None:
    """Priced as reserved, delivered to the address as it was; the customer is told once; every step has its time."""
    me = Person.new()
    order = shop.checkout(me)
    assert (order["state"], order["total_cents"], order["address"]["city"]) == ("placed", 2500, "Paris")
    order_id = order["order_id"]
    assert order_id in shop.shelf.reserved
    for _ in range(2):
        tell(shop, "stock.committed", order_id)
        tell(shop, "basket.cleared", order_id, basket_id=str(uuid.uuid4()))
    shop.when(order_id, me, state="confirmed", settled=False)
    eventually(lambda: len(shop.told("notification.order", order_id)) == 1)
    letter = shop.told("notification.order", order_id)[0]
    assert (letter["template"], letter["variables"]["total"]) == ("order-confirmed", "25.00 EUR")
    shop.client.tell("notification.sent", {"template": "order-confirmed", "reference": order_id})
    settled = shop.when(order_id, me, settled=True)
    assert set(shop.steps(settled).values()) == {"done"}
    assert settled["delivery"]["tracking_code"].startswith("CO-")
    history = shop.ask("orders", "GET", f"/{order_id}/history", who=me).document["items"]
    assert history[0]["name"] == "order.placed"
    assert {each["name"] for each in history} >= {"stock.committed", "delivery.created", "basket.cleared"}
    assert [(each["before"], each["after"]) for each in history if each["before"] != each["after"]] == [
        (None, "placed"),
        ("placed", "confirmed"),
    ]


def test_a_repeated_checkout_is_the_same_order(shop: Stand) -> None:
    """The same call again, alone or at the same moment, has the same answer, also when the basket is empty."""
    me, message_id = Person.new(), uuid.uuid4().hex
    basket = shop.shelf.fill(me)
    body = {"address_id": shop.address(me)}
    named: dict[str, Any] = {"service": "orders-service", "identity": me.identity, "message_id": message_id}
    answers = [
        shop.client.wait(each) for each in [shop.client.send("POST", "/checkout", body, **named) for _ in range(4)]
    ]
    del shop.shelf.baskets[me.user_id]
    answers.append(shop.client.ask("POST", "/checkout", body, **named))
    assert [answer.status for answer in answers if answer] == [201] * 5
    orders = {answer.document["order_id"] for answer in answers if answer}
    assert len(orders) == 1
    order_id = orders.pop()
    assert shop.rows("orders", "SELECT order_id FROM orders WHERE basket_id = %s", basket["basket_id"]) == [(order_id,)]
    eventually(lambda: shop.told("delivery.created", order_id))
    assert len(shop.told("order.placed", order_id)) == 1
    assert order_id not in shop.shelf.released


def test_a_basket_is_bought_once_however_often_its_owner_clicks(shop: Stand) -> None:
    """Five checkouts of one basket at once: one order; the reservations of the others are given back."""
    me = Person.new()
    basket = shop.shelf.fill(me)
    body = {"address_id": shop.address(me)}
    sent = [
        shop.client.send("POST", "/checkout", body, service="orders-service", identity=me.identity) for _ in range(5)
    ]
    answers = [shop.client.wait(each) for each in sent]
    assert sorted(answer.status for answer in answers if answer) == [201, 409, 409, 409, 409]
    assert shop.rows("orders", "SELECT COUNT(*) FROM orders WHERE basket_id = %s", basket["basket_id"]) == [(1,)]


def test_what_cannot_be_bought_is_not_ordered(shop: Stand) -> None:
    """An empty basket, a shortage, another price, an address that is not theirs; the stock is given back when held."""
    me, other = Person.new(), Person.new()
    body = {"address_id": shop.address(me)}

    def checkout(**changes: Any) -> Any:
        return shop.ask("orders", "POST", "/checkout", body | changes, who=me)

    assert checkout().status == 409
    shop.shelf.fill(me)
    strange = checkout(address_id=shop.address(other))
    assert (strange.status, strange.document["errors"][0]["field"]) == (422, "address_id")
    released = len(shop.shelf.released)
    shortage = {"sku": "LAMP-1", "requested": 2, "available": 1, "reason": "short"}
    shop.shelf.refusal = (409, {"type": "about:blank", "status": 409, "detail": "Too few.", "shortages": [shortage]})
    try:
        refused = checkout()
    finally:
        shop.shelf.refusal = None
    assert (refused.status, refused.document["shortages"]) == (409, [shortage])
    assert len(shop.shelf.released) == released
    dearer = checkout(expected_total_cents=2400)
    assert (dearer.status, dearer.document["total_cents"]) == (409, 2500)
    assert shop.shelf.released[-1] == shop.shelf.reserved[-1]
    for wrong in ({"address_id": "x"}, {"expected_total_cents": -1}, {"expected_total_cents": 10**30}):
        assert checkout(**wrong).status == 422
    assert shop.ask("orders", "GET", "", who=me).document["items"] == []
    assert checkout(expected_total_cents=2500).status == 201


def test_products_that_do_not_answer_are_an_answer_in_time(shop: Stand) -> None:
    """504 before the caller's own patience ends, no order, and the reservation that may be there is given back."""
    me = Person.new()
    shop.shelf.fill(me)
    body = {"address_id": shop.address(me)}
    shop.shelf.silent = True
    try:
        answer = shop.ask("orders", "POST", "/checkout", body, who=me)
    finally:
        shop.shelf.silent = False
    assert answer.status == 504
    assert answer.seconds < 6
    assert shop.shelf.released[-1] == shop.shelf.reserved[-1]
    assert shop.ask("orders", "GET", "", who=me).document["items"] == []


def test_refused_stock_cancels_the_order_and_its_delivery(shop: Stand) -> None:
    """Once, however often it is heard; the customer is told why; everything settles."""
    me = Person.new()
    order_id = shop.checkout(me)["order_id"]
    for _ in range(3):
        tell(shop, "stock.refused", order_id, reason="sold out meanwhile: LAMP-1")
    tell(shop, "basket.cleared", order_id, basket_id=str(uuid.uuid4()))
    eventually(lambda: shop.told("notification.order", order_id))
    shop.client.tell("notification.sent", {"template": "order-cancelled", "reference": order_id})
    order = shop.when(order_id, me, state="cancelled", settled=True)
    assert order["cancel_reason"] == "sold out meanwhile: LAMP-1"
    assert shop.steps(order)["restock"] == "skipped"
    assert shop.steps(order)["cancel-delivery"] in {"done", "skipped"}
    assert len(shop.told("order.cancelled", order_id)) == 1
    assert [each["template"] for each in shop.told("notification.order", order_id)] == ["order-cancelled"]
    assert shop.ask("deliveries", "GET", f"/by-order/{order_id}", who=me).document["state"] == "cancelled"


def test_an_address_no_carrier_serves_gives_the_stock_back(shop: Stand) -> None:
    """The delivery is refused, the order cancelled, products told; stock committed afterwards changes nothing."""
    me = Person.new()
    order_id = shop.checkout(me, country="AQ", postal_code="BIQQ 1ZZ")["order_id"]
    shop.when(order_id, me, state="cancelled")
    tell(shop, "stock.committed", order_id)
    eventually(lambda: shop.steps(shop.order(order_id, me))["commit-stock"] == "done")
    order = shop.order(order_id, me)
    assert order["state"] == "cancelled"
    assert shop.steps(order)["restock"] == "requested"
    assert shop.steps(order)["create-delivery"] == "refused"
    assert len(shop.told("order.cancelled", order_id)) == 1


def test_an_owner_cancels_until_the_parcel_has_left(shop: Stand) -> None:
    """Twice is once; afterwards 409; nobody else's order is theirs to cancel."""
    me = Person.new()
    early, late = confirmed(shop, me), None
    assert shop.ask("orders", "POST", f"/{early['order_id']}/cancel", {}, who=Person.new()).status == 404
    for _ in range(2):
        answer = shop.ask("orders", "POST", f"/{early['order_id']}/cancel", {"reason": "too dear"}, who=me)
        assert (answer.status, answer.document["state"]) == (200, "cancelled")
    shop.when(early["order_id"], me, state="cancelled", cancel_reason="too dear")
    eventually(lambda: shop.steps(shop.order(early["order_id"], me))["cancel-delivery"] == "done")
    assert len(shop.told("order.cancelled", early["order_id"])) == 1
    shop.shelf.fill(me, 2)
    placed = shop.ask("orders", "POST", "/checkout", {"address_id": shop.address(me)}, who=me).document
    tell(shop, "stock.committed", placed["order_id"])
    late = shop.when(placed["order_id"], me, state="confirmed")
    ship(shop, late)
    shop.when(late["order_id"], me, state="shipped")
    refused = shop.ask("orders", "POST", f"/{late['order_id']}/cancel", {}, who=me)
    assert (refused.status, refused.document["state"]) == (409, "shipped")


def test_staff_close_an_order_step_by_step(shop: Stand) -> None:
    """What is not the next step is 409 and changes nothing; customers may not at all."""
    me = Person.new()
    order_id = confirmed(shop, me)["order_id"]

    def move(state: str, who: Person = MANAGER) -> int:
        return shop.ask("orders", "POST", f"/{order_id}/state", {"state": state}, who=who).status

    assert move("shipped", me) == 403
    assert [move(state) for state in ("closed", "placed", "confirmed", "delivered")] == [409] * 4
    assert move("lost") == 422
    assert [move(state) for state in ("shipped", "delivered", "closed")] == [200] * 3
    assert move("cancelled") == 409
    assert shop.order(order_id, me)["state"] == "closed"


def test_everybody_sees_their_own_orders_and_staff_see_all(shop: Stand) -> None:
    """404 for another's; pages newest first; filters; an odd id is 404 and an odd page 422."""
    me, other = Person.new(), Person.new()
    ids = [shop.checkout(me, version=version)["order_id"] for version in (1, 2, 3)]
    page = shop.ask("orders", "GET", "", who=me, query="limit=2").document
    assert [each["order_id"] for each in page["items"]] == [ids[2], ids[1]]
    rest = shop.ask("orders", "GET", "", who=me, query=f"limit=2&after={page['next']}").document
    assert ([each["order_id"] for each in rest["items"]], rest["next"]) == ([ids[0]], None)
    assert shop.ask("orders", "GET", f"/{ids[0]}", who=other).status == 404
    assert shop.ask("orders", "GET", f"/{ids[0]}/history", who=other).status == 404
    assert shop.ask("orders", "GET", f"/{ids[0]}", who=MANAGER).status == 200
    assert shop.ask("orders", "GET", "", who=other, query=f"user={me.user_id}").status == 403
    mine = shop.ask("orders", "GET", "", who=MANAGER, query=f"user={me.user_id}&state=placed").document["items"]
    assert [each["order_id"] for each in mine] == ids[::-1]
    for odd in ("x", "%00", "%27%20OR%201%3D1", ids[0].upper()):
        assert shop.ask("orders", "GET", f"/{odd}", who=me).status == 404
    for query in ("limit=101", "limit=x", "after=-1", "state=lost", "user=1"):
        assert shop.ask("orders", "GET", "", who=me, query=query).status == 422


def test_orders_that_wait_too_long_are_named_with_what_they_wait_for(shop: Stand) -> None:
    """For staff, with the steps nobody answered; how many they are stands on the metrics page."""
    me = Person.new()
    order_id = shop.checkout(me)["order_id"]
    eventually(lambda: shop.steps(shop.order(order_id, me))["create-delivery"] == "done")
    assert shop.ask("orders", "GET", "/stuck", who=me).status == 403
    found = shop.ask("orders", "GET", "/stuck", who=MANAGER, query="older_than_s=0&limit=100").document
    assert found["count"] >= 1
    waits = {each["order_id"]: each["waits_for"] for each in found["items"]}
    assert waits[order_id] == ["commit-stock", "clear-basket"]
    assert order_id not in {
        each["order_id"] for each in shop.ask("orders", "GET", "/stuck", who=MANAGER).document["items"]
    }
    eventually(lambda: 'service_measure{name="stuck_orders"}' in shop.orders.metrics(), 20)


def test_answers_all_at_once_confirm_every_order_once(shop: Stand) -> None:
    """Twenty orders, each answered by everybody three times over, in parallel: one letter each."""
    customers = [Person.new() for _ in range(20)]
    orders = {shop.checkout(person)["order_id"]: person for person in customers}
    for _ in range(3):
        for order_id in orders:
            tell(shop, "stock.committed", order_id)
            tell(shop, "basket.cleared", order_id, basket_id=str(uuid.uuid4()))
    for order_id, person in orders.items():
        shop.when(order_id, person, state="confirmed")
    eventually(lambda: shop.client.depth("orders-service.events") == 0)
    eventually(lambda: all(shop.told("notification.order", order_id) for order_id in orders))
    for order_id in orders:
        assert len(shop.told("notification.order", order_id)) == 1
        assert not shop.told("order.cancelled", order_id)


def test_orders_killed_between_commit_and_publish_are_delivered_exactly_once(shop: Stand) -> None:
    """No event leaves, orders are accepted all the same; killed there and started again, each has one delivery."""
    people = [Person.new() for _ in range(3)]
    allow(shop.broker, events=False)
    try:
        eventually(shop.orders.is_ready, 20)
        orders = {shop.checkout(person)["order_id"]: person for person in people}
        held = shop.rows("orders", "SELECT COUNT(*) FROM outbox WHERE event = 'order.placed'")
        assert held == [(3,)]
        shop.kill_orders()
        assert not any(shop.told("order.placed", order_id) for order_id in orders)
    finally:
        allow(shop.broker, events=True)
    shop.start_orders()
    for order_id, person in orders.items():
        tell(shop, "stock.committed", order_id)
        shop.when(order_id, person, state="confirmed")
        assert len(shop.told("delivery.created", order_id)) == 1
    eventually(lambda: shop.rows("orders", "SELECT COUNT(*) FROM outbox") == [(0,)])


def test_without_the_cache_orders_are_as_they_are(shop: Stand) -> None:
    """A view is cached by version; with Redis gone it is the same view, and a changed order shows its change."""
    me = Person.new()
    order = confirmed(shop, me)
    seen = shop.order(order["order_id"], me)
    shop.redis.container.pause()
    try:
        assert shop.order(order["order_id"], me) == seen
        answer = shop.ask("orders", "POST", f"/{order['order_id']}/cancel", {}, who=me)
        assert answer.status == 200
        assert shop.order(order["order_id"], me)["state"] == "cancelled"
    finally:
        shop.redis.container.unpause()
    assert shop.order(order["order_id"], me)["state"] == "cancelled"
