"""The journeys of what is for sale and what is wanted of it: the catalogue and baskets."""

from __future__ import annotations

import base64

from scenarios.platform.buying_steps import ADMIN, CUSTOMER, SAGA_S, WITHDRAW, fill_basket, goods
from scenarios.platform.walking import entrance
from sim.checks.journey import ANY, Step

_PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()

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
