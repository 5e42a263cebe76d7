"""Who shops, and the steps that lead to an order: goods, a basket, an address, a checkout, its confirmation."""

from __future__ import annotations

from sim.checks.journey import Step

CUSTOMER, OTHER, ADMIN = "customer", "other", "admin"
NOBODY = "00000000-0000-4000-8000-000000000000"
SAGA_S = 20.0
"""How long the effects of an event may take on a machine with fourteen services on two cores."""


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
