"""One customer's things, and another who asks for each of them by its true name."""

from __future__ import annotations

from scenarios.platform.buying_steps import (
    ADMIN,
    CHECKOUT,
    CONFIRMED,
    CUSTOMER,
    OTHER,
    SAGA_S,
    WITHDRAW,
    fill_basket,
    goods,
    keep_address,
)
from scenarios.platform.walking import entrance
from sim.checks.journey import Step

_TICKET = {"subject": "Sim {mark}", "message": "It does not work."}
_FILE = {"file_name": "words.txt", "content_type": "text/plain", "size_bytes": 5}

_HAVING = (
    *entrance(CUSTOMER, OTHER, ADMIN),
    *goods(),
    keep_address(),
    fill_basket(),
    Step("another's basket is not theirs", "GET", "/api/baskets/current", 200, OTHER, shows={"lines": []}),
    CHECKOUT,
    CONFIRMED,
    Step(
        "their delivery",
        "GET",
        "/api/deliveries/by-order/{order_id}",
        200,
        CUSTOMER,
        keeps={"delivery_id": "delivery_id"},
        within_s=SAGA_S,
    ),
    Step("their ticket", "POST", "/api/sav", 201, CUSTOMER, body=_TICKET, keeps={"ticket_id": "ticket_id"}),
    Step(
        "their file",
        "POST",
        "/api/sav/{ticket_id}/attachments",
        201,
        CUSTOMER,
        body=_FILE,
        keeps={"attachment_id": "attachment.attachment_id"},
    ),
)
_ASKING = (
    Step("another sees the order", "GET", "/api/orders/{order_id}", 404, OTHER),
    Step("another sees its history", "GET", "/api/orders/{order_id}/history", 404, OTHER),
    Step("another cancels it", "POST", "/api/orders/{order_id}/cancel", 404, OTHER, body={}),
    Step("another moves it", "POST", "/api/orders/{order_id}/state", 403, OTHER, body={"state": "shipped"}),
    Step("another lists it", "GET", "/api/orders", 200, OTHER, shows={"items.#": 0}),
    Step("another names its owner", "GET", "/api/orders?user={customer_id}", 403, OTHER),
    Step("another finds the delivery", "GET", "/api/deliveries/{delivery_id}", 404, OTHER),
    Step("another finds it by the order", "GET", "/api/deliveries/by-order/{order_id}", 404, OTHER),
    Step("another lists deliveries", "GET", "/api/deliveries", 200, OTHER, shows={"items.#": 0}),
    Step("another reads the address", "GET", "/api/addresses/{address_id}", 404, OTHER),
    Step("another changes it", "PATCH", "/api/addresses/{address_id}", 404, OTHER, body={"default": True}),
    Step("another forgets it", "DELETE", "/api/addresses/{address_id}", 404, OTHER),
    Step("another lists addresses", "GET", "/api/addresses", 200, OTHER, shows={"items.#": 0}),
    Step("another reads the ticket", "GET", "/api/sav/{ticket_id}", 404, OTHER),
    Step("another answers it", "POST", "/api/sav/{ticket_id}/messages", 404, OTHER, body={"message": "Hello."}),
    Step("another adds a file", "POST", "/api/sav/{ticket_id}/attachments", 404, OTHER, body=_FILE),
    Step("another fetches the file", "GET", "/api/sav/{ticket_id}/attachments/{attachment_id}", 404, OTHER),
    Step("another completes the file", "POST", "/api/sav/{ticket_id}/attachments/{attachment_id}/complete", 404, OTHER),
    Step("another lists tickets", "GET", "/api/sav", 200, OTHER, shows={"items.#": 0}),
)
_HAVING_STILL = (
    Step("the order is as it was", "GET", "/api/orders/{order_id}", 200, CUSTOMER, shows={"state": "confirmed"}),
    Step("the address is still kept", "GET", "/api/addresses/{address_id}", 200, CUSTOMER),
    Step("the ticket has one message", "GET", "/api/sav/{ticket_id}", 200, CUSTOMER, shows={"messages.#": 1}),
    Step("staff see the order", "GET", "/api/orders/{order_id}", 200, ADMIN),
    WITHDRAW,
)
OTHERS_THINGS = (*_HAVING, *_ASKING, *_HAVING_STILL)
"""The owner's own answers, before and after, are the control: what is refused to another is there all the time."""
