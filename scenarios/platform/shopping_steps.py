"""The journeys of what is sold: accounts, catalogue, baskets, orders, deliveries, addresses."""

from __future__ import annotations

import base64

from scenarios.platform.walking import entrance
from sim.checks.journey import ANY, Step

CUSTOMER, OTHER, ADMIN = "customer", "other", "admin"
NOBODY = "00000000-0000-4000-8000-000000000000"
SAGA_S = 20.0
"""How long the effects of an event may take on a machine with fourteen services on two cores."""

_PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()


def goods(quantity: int = 10) -> tuple[Step, ...]:
    """A category, a product and so many of it, by the administrator."""
    return (
        Step(
            "add a category",
            "POST",
            "/api/products/categories",
            201,
            ADMIN,
            body={"slug": "{slug}", "name": "Sim {mark}"},
        ),
        Step(
            "add a product",
            "POST",
            "/api/products",
            201,
            ADMIN,
            body={"sku": "{sku}", "name": "Sim {mark}", "category": "{slug}", "unit_price_cents": 1250},
            shows={"sku": "{sku}", "available": 0},
        ),
        Step(
            "receive stock",
            "POST",
            "/api/products/{sku}/stock",
            200,
            ADMIN,
            body={"change": quantity, "reason": "received"},
            shows={"on_hand": quantity, "available": quantity},
        ),
    )


WITHDRAW = Step("withdraw the product", "DELETE", "/api/products/{sku}", 204, ADMIN)


def fill_basket(quantity: int = 2) -> Step:
    return Step(
        "put it into the basket",
        "PUT",
        "/api/baskets/current/items/{sku}",
        200,
        CUSTOMER,
        body={"quantity": quantity},
        shows={"lines.0.sku": "{sku}", "lines.0.quantity": quantity, "total_cents": 1250 * quantity},
    )


def keep_address(country: str = "FR") -> Step:
    where = {
        "FR": {"line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris"},
        "AQ": {"line1": "Concordia Station", "city": "Dome C"},
    }
    return Step(
        "keep an address",
        "POST",
        "/api/addresses",
        201,
        CUSTOMER,
        body={"recipient": "Sim Shopper", "country": country, **where[country]},
        shows={"address.country": country},
        keeps={"address_id": "address_id"},
    )


CHECKOUT = Step(
    "check out",
    "POST",
    "/api/orders/checkout",
    201,
    CUSTOMER,
    body={"address_id": "{address_id}"},
    headers={"Idempotency-Key": "checkout-{mark}"},
    shows={"lines.0.sku": "{sku}", "total_cents": 2500, "state": "placed"},
    keeps={"order_id": "order_id"},
)
CONFIRMED = Step(
    "the order is confirmed",
    "GET",
    "/api/orders/{order_id}",
    200,
    CUSTOMER,
    shows={"state": "confirmed", "settled": True, "delivery.state": "created"},
    within_s=SAGA_S,
)

AUTH = (
    *entrance(CUSTOMER, ADMIN),
    Step(
        "the account as it is",
        "GET",
        "/api/auth/me",
        200,
        CUSTOMER,
        shows={"email": "{customer_email}", "user_id": "{customer_id}", "roles": ["customer"]},
    ),
    Step("a stranger has no account", "GET", "/api/auth/me", 401),
    Step(
        "register the address again",
        "POST",
        "/api/auth/register",
        409,
        body={"email": "{customer_email}", "password": "{customer_password}", "name": "Again"},
    ),
    Step(
        "sign in with a wrong password",
        "POST",
        "/api/auth/login",
        401,
        body={"email": "{customer_email}", "password": "not the password"},
    ),
    Step(
        "register an address that is none",
        "POST",
        "/api/auth/register",
        422,
        body={"email": "not an address", "password": "long enough", "name": "N"},
    ),
    Step(
        "sign in once more",
        "POST",
        "/api/auth/login",
        200,
        body={"email": "{customer_email}", "password": "{customer_password}"},
        hides={"refresh": "refresh_token"},
    ),
    Step(
        "refresh the tokens",
        "POST",
        "/api/auth/refresh",
        200,
        body={"refresh_token": "{refresh}"},
        hides={"fresh": "access_token", "rotated": "refresh_token"},
    ),
    Step("the fresh token opens", "GET", "/api/auth/me", 200, CUSTOMER, token="{fresh}"),  # noqa: S106 - a place
    Step("use the old refresh token again", "POST", "/api/auth/refresh", 401, body={"refresh_token": "{refresh}"}),
    Step("that ended the whole session", "POST", "/api/auth/refresh", 401, body={"refresh_token": "{rotated}"}),
    Step("a customer may not see users", "GET", "/api/auth/users", 403, CUSTOMER),
    Step("an administrator may", "GET", "/api/auth/users?limit=1", 200, ADMIN, shows={"items.#": 1}),
    Step("a user who does not exist", "GET", f"/api/auth/users/{NOBODY}", 404, ADMIN),
    Step(
        "give a role",
        "PUT",
        "/api/auth/users/{customer_id}/roles",
        200,
        ADMIN,
        body={"roles": ["customer", "support"]},
        shows={"roles": ["customer", "support"]},
    ),
    Step(
        "give a role that does not exist",
        "PUT",
        "/api/auth/users/{customer_id}/roles",
        422,
        ADMIN,
        body={"roles": ["emperor"]},
    ),
    Step("before signing in again it permits nothing", "GET", "/api/contacts?limit=1", 403, CUSTOMER),
    Step(
        "sign in with the role",
        "POST",
        "/api/auth/login",
        200,
        body={"email": "{customer_email}", "password": "{customer_password}"},
        hides={"support": "access_token"},
    ),
    Step("the role permits", "GET", "/api/contacts?limit=1", 200, CUSTOMER, token="{support}"),  # noqa: S106 - a place
    Step("sign out", "POST", "/api/auth/logout", 204, CUSTOMER),
    Step("the token is over", "GET", "/api/auth/me", 401, CUSTOMER, within_s=5.0),
)

PRODUCTS = (
    *entrance(CUSTOMER, ADMIN),
    *goods(),
    Step(
        "the category again",
        "POST",
        "/api/products/categories",
        409,
        ADMIN,
        body={"slug": "{slug}", "name": "Sim {mark}"},
    ),
    Step(
        "the SKU again",
        "POST",
        "/api/products",
        409,
        ADMIN,
        body={"sku": "{sku}", "name": "Another", "category": "{slug}", "unit_price_cents": 1},
    ),
    Step(
        "a customer may not add products",
        "POST",
        "/api/products",
        403,
        CUSTOMER,
        body={"sku": "SIM-NO", "name": "No", "category": "{slug}", "unit_price_cents": 1},
    ),
    Step("a stranger may not see stock", "GET", "/api/products/{sku}/stock", 401),
    Step(
        "lose more than there is",
        "POST",
        "/api/products/{sku}/stock",
        409,
        ADMIN,
        body={"change": -11, "reason": "lost"},
    ),
    Step(
        "a price below nothing",
        "PATCH",
        "/api/products/{sku}",
        422,
        ADMIN,
        body={"unit_price_cents": -1},
    ),
    Step("anybody sees it", "GET", "/api/products/{sku}", 200, shows={"available": 10, "unit_price_cents": 1250}),
    Step("anybody finds it", "GET", "/api/products?q={mark}", 200, shows={"items.0.sku": "{sku}"}, within_s=5.0),
    Step(
        "a new price",
        "PATCH",
        "/api/products/{sku}",
        200,
        ADMIN,
        body={"unit_price_cents": 1500, "version": 1},
        shows={"unit_price_cents": 1500},
    ),
    Step(
        "a change that is out of date",
        "PATCH",
        "/api/products/{sku}",
        409,
        ADMIN,
        body={"unit_price_cents": 1, "version": 1},
    ),
    Step(
        "the cache forgot the old price",
        "GET",
        "/api/products/{sku}",
        200,
        shows={"unit_price_cents": 1500},
        within_s=2.0,
    ),
    Step(
        "add an image",
        "PUT",
        "/api/products/{sku}/images/front",
        200,
        ADMIN,
        body={"content_type": "image/png", "content": _PIXEL},
        shows={"url": ANY},
        keeps={"image_url": "url"},
    ),
    Step("anybody sees the image", "GET", "{image_url}", 200, follows=True),
    Step("a product that does not exist", "GET", "/api/products/SIM-NO-SUCH", 404),
    WITHDRAW,
    Step("it is found no more", "GET", "/api/products?q={mark}", 200, shows={"items.#": 0}, within_s=10.0),
)

BASKETS = (
    *entrance(CUSTOMER, ADMIN),
    *goods(),
    Step("a stranger has no basket", "GET", "/api/baskets/current", 401),
    Step("a new basket is empty", "GET", "/api/baskets/current", 200, CUSTOMER, shows={"lines": [], "total_cents": 0}),
    fill_basket(3),
    Step(
        "more than there are",
        "PUT",
        "/api/baskets/current/items/{sku}",
        409,
        CUSTOMER,
        body={"quantity": 11},
    ),
    Step("none of it", "PUT", "/api/baskets/current/items/{sku}", 422, CUSTOMER, body={"quantity": 0}),
    Step(
        "of a product that does not exist",
        "PUT",
        "/api/baskets/current/items/SIM-NO-SUCH",
        404,
        CUSTOMER,
        body={"quantity": 1},
    ),
    Step("a new price", "PATCH", "/api/products/{sku}", 200, ADMIN, body={"unit_price_cents": 2000}),
    Step(
        "the basket follows the price",
        "GET",
        "/api/baskets/current",
        200,
        CUSTOMER,
        shows={"total_cents": 6000},
        within_s=SAGA_S,
    ),
    Step("take it out", "DELETE", "/api/baskets/current/items/{sku}", 200, CUSTOMER, shows={"lines": []}),
    WITHDRAW,
    Step(
        "what is not sold any more",
        "PUT",
        "/api/baskets/current/items/{sku}",
        409,
        CUSTOMER,
        body={"quantity": 1},
        within_s=5.0,
    ),
)

ORDERS = (
    *entrance(CUSTOMER, OTHER, ADMIN),
    *goods(),
    keep_address(),
    Step(
        "check out an empty basket",
        "POST",
        "/api/orders/checkout",
        409,
        CUSTOMER,
        body={"address_id": "{address_id}"},
    ),
    fill_basket(),
    Step(
        "to an address that is not theirs", "POST", "/api/orders/checkout", 422, CUSTOMER, body={"address_id": NOBODY}
    ),
    CHECKOUT,
    Step(
        "the same call again is the same order",
        "POST",
        "/api/orders/checkout",
        201,
        CUSTOMER,
        body={"address_id": "{address_id}"},
        headers={"Idempotency-Key": "checkout-{mark}"},
        shows={"order_id": "{order_id}"},
    ),
    CONFIRMED,
    Step("it is listed once", "GET", "/api/orders", 200, CUSTOMER, shows={"items.*.order_id": ["{order_id}"]}),
    Step("somebody else's does not exist", "GET", "/api/orders/{order_id}", 404, OTHER),
    Step("a stranger's neither", "GET", "/api/orders/{order_id}", 401),
    Step(
        "a customer may not move it", "POST", "/api/orders/{order_id}/state", 403, CUSTOMER, body={"state": "shipped"}
    ),
    Step(
        "staff may not close it yet",
        "POST",
        "/api/orders/{order_id}/state",
        409,
        ADMIN,
        body={"state": "closed"},
    ),
    Step(
        "the stock is sold",
        "GET",
        "/api/products/{sku}/stock",
        200,
        ADMIN,
        shows={"on_hand": 8, "reserved": 0},
        within_s=SAGA_S,
    ),
    Step("cancel it", "POST", "/api/orders/{order_id}/cancel", 200, CUSTOMER, body={}, shows={"state": "cancelled"}),
    Step(
        "the stock is back",
        "GET",
        "/api/products/{sku}/stock",
        200,
        ADMIN,
        shows={"on_hand": 10, "reserved": 0},
        within_s=SAGA_S,
    ),
    Step(
        "the delivery is cancelled",
        "GET",
        "/api/deliveries/by-order/{order_id}",
        200,
        CUSTOMER,
        shows={"state": "cancelled"},
        within_s=SAGA_S,
    ),
    WITHDRAW,
)

DELIVERIES = (
    *entrance(CUSTOMER, OTHER, ADMIN),
    *goods(),
    keep_address(),
    fill_basket(),
    CHECKOUT,
    CONFIRMED,
    Step(
        "the delivery of the order",
        "GET",
        "/api/deliveries/by-order/{order_id}",
        200,
        CUSTOMER,
        shows={"state": "created", "tracking_code": ANY, "lines.0.quantity": 2},
        keeps={"delivery_id": "delivery_id", "code": "tracking_code"},
    ),
    Step(
        "anybody with the code sees where it is, and not whose",
        "GET",
        "/api/deliveries/tracking/{code}",
        200,
        shows={"state": "created", "country": "FR", "destination": None, "user_id": None},
    ),
    Step("a code that does not exist", "GET", "/api/deliveries/tracking/NOSUCHCODE", 404),
    Step("somebody else's does not exist", "GET", "/api/deliveries/{delivery_id}", 404, OTHER),
    Step(
        "a customer may not move it",
        "POST",
        "/api/deliveries/{delivery_id}/events",
        403,
        CUSTOMER,
        body={"state": "shipped"},
    ),
    Step(
        "it is shipped",
        "POST",
        "/api/deliveries/{delivery_id}/events",
        201,
        ADMIN,
        body={"state": "shipped", "location": "Lyon"},
        shows={"state": "shipped"},
    ),
    Step(
        "it cannot be shipped twice",
        "POST",
        "/api/deliveries/{delivery_id}/events",
        409,
        ADMIN,
        body={"state": "shipped"},
    ),
    Step(
        "to nowhere known",
        "POST",
        "/api/deliveries/{delivery_id}/events",
        422,
        ADMIN,
        body={"state": "vanished"},
    ),
    Step(
        "the order knows",
        "GET",
        "/api/orders/{order_id}",
        200,
        CUSTOMER,
        shows={"state": "shipped"},
        within_s=SAGA_S,
    ),
    WITHDRAW,
)

ADDRESSES = (
    *entrance(CUSTOMER, OTHER),
    Step("a stranger keeps none", "GET", "/api/addresses", 401),
    Step(
        "keep an address",
        "POST",
        "/api/addresses",
        201,
        CUSTOMER,
        body={
            "recipient": "Sim Shopper",
            "line1": "12 rue de la Paix",
            "postal_code": "75002",
            "city": "Paris",
            "country": "fr",
        },
        shows={"address.country": "FR", "address.postal_code": "75002", "default": True},
        keeps={"address_id": "address_id"},
    ),
    Step("it is kept", "GET", "/api/addresses/{address_id}", 200, CUSTOMER, shows={"address.city": "Paris"}),
    Step("it is listed", "GET", "/api/addresses", 200, CUSTOMER, shows={"items.*.address_id": ["{address_id}"]}),
    Step("somebody else's does not exist", "GET", "/api/addresses/{address_id}", 404, OTHER),
    Step(
        "a postal code the country does not have",
        "POST",
        "/api/addresses",
        422,
        CUSTOMER,
        body={"recipient": "A", "line1": "B", "postal_code": "ABC", "city": "C", "country": "FR"},
    ),
    Step(
        "an address without a street",
        "POST",
        "/api/addresses/validate",
        422,
        body={"recipient": "A", "city": "C", "country": "FR"},
    ),
    Step("forget it", "DELETE", "/api/addresses/{address_id}", 204, CUSTOMER),
    Step("it is forgotten", "GET", "/api/addresses/{address_id}", 404, CUSTOMER),
)
