"""The journeys of a customer's own things: accounts and addresses."""

from __future__ import annotations

from scenarios.platform.buying_steps import ADMIN, CUSTOMER, NOBODY, OTHER
from scenarios.platform.walking import entrance
from sim.checks.journey import Step

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
