"""Every refusal at the gateway, each with the status that belongs to it and in the one form agreed for all."""

from __future__ import annotations

import threading
from typing import Any

from scenarios.forging import forgeries
from scenarios.platform.buying_steps import ADMIN, CUSTOMER, WITHDRAW, goods
from scenarios.platform.journeys import begun
from scenarios.platform.walking import Walk, entrance
from sim.checks.journey import Step, judge_journey
from sim.checks.refusals import BURST, DARK, Refusals
from sim.faults.pause import Pause
from sim.history import Outcome
from sim.scenario import Scenario, Stage
from sim.servers.http_protocol import HttpReply

_BURST = 400
_AT_ONCE = 16
_DARK_ASKS = 8
_DARK_TIMEOUT_S = 20.0
_BACK_S = 40.0
_SQL = "'; DROP TABLE users; -- \" OR 1=1 #"
_MEGABYTE = 1_000_000

OPEN = (
    *entrance(CUSTOMER, ADMIN),
    Step("nothing there", "GET", "/api/nothing", 404),
    Step("nothing below a service either", "GET", "/api/products/a/b/c", 404),
    Step("what services ask each other is not published", "GET", "/api/auth/revocations", 404, CUSTOMER),
    Step("a method the path does not know", "DELETE", "/api/auth/login", 405),
    Step("without a token", "GET", "/api/orders", 401),
    Step("without the permission", "GET", "/api/auth/users", 403, CUSTOMER),
    Step("what is there already", "POST", "/api/auth/register", 409, body={
        "email": "{customer_email}", "password": "{customer_password}", "name": "Again"}),
    Step("JSON that says nothing of what it should", "POST", "/api/auth/login", 422, body={"email": 1}),
    Step("planned", "POST", "/api/payments", 501, CUSTOMER, body={
        "order_id": "00000000-0000-4000-8000-000000000000", "method": "card"}),
    Step("ten megabytes", "POST", "/api/contacts", 413, content=b'{"name": "' + b"x" * 10 * _MEGABYTE + b'"}',
         headers={"Content-Type": "application/json"}),
)  # fmt: skip
TOKENS = (
    Step("a token that is none", "GET", "/api/auth/me", 401, CUSTOMER, token="not-a-token"),  # noqa: S106 - it is none
    Step("a forged signature", "GET", "/api/auth/me", 401, CUSTOMER, token="{forged}"),  # noqa: S106 - a place
    Step("claims changed after signing", "GET", "/api/auth/users", 401, CUSTOMER, token="{promoted}"),  # noqa: S106
    Step("signed with nothing", "GET", "/api/auth/me", 401, CUSTOMER, token="{unsigned}"),  # noqa: S106 - a place
    Step("expired", "GET", "/api/auth/me", 401, CUSTOMER, token="{expired}"),  # noqa: S106 - a place
    Step("for another audience", "GET", "/api/auth/me", 401, CUSTOMER, token="{elsewhere}"),  # noqa: S106 - a place
    Step("from another issuer", "GET", "/api/auth/me", 401, CUSTOMER, token="{imposter}"),  # noqa: S106 - a place
    Step("the true one opens all the same", "GET", "/api/auth/me", 200, CUSTOMER),
)
SQL = (
    *goods(),
    Step("SQL in a search", "GET", "/api/products?q={sql_quoted}", 200, shows={"items.#": 0}),
    Step("SQL in a path", "GET", "/api/orders/{sql_quoted}", 404, CUSTOMER),
    Step("SQL in a password", "POST", "/api/auth/login", 401, body={"email": "{customer_email}", "password": _SQL}),
    Step("SQL in a form", "POST", "/api/contacts", 201, body={
        "name": _SQL, "email": "{customer_email}", "subject": _SQL, "message": _SQL}, keeps={"form_id": "form_id"}),
    Step("it is kept as it was said", "GET", "/api/contacts/{form_id}", 200, ADMIN,
         shows={"name": _SQL, "subject": _SQL, "message": _SQL}),
    Step("nothing was dropped", "GET", "/api/auth/me", 200, CUSTOMER, shows={"email": "{customer_email}"}),
    WITHDRAW,
)  # fmt: skip
STEPS = (*OPEN, *TOKENS, *SQL)
_QUOTED_SQL = "%27%3B%20DROP%20TABLE%20orders%3B%20--%20"


def _rehearse(stage: Stage) -> None:
    walk = begun(stage)
    walk.name(sql_quoted=_QUOTED_SQL)
    walk.go(OPEN)
    if "customer_token" in walk.memory:
        walk.memory |= forgeries(stage, str(walk.memory["customer_token"]))
    walk.go(TOKENS)
    walk.go(SQL)
    _burst(stage)
    _dark(stage, walk)


def _burst(stage: Stage) -> None:
    """One stranger asks far more at once than anybody may."""
    gateway = stage.servers.gateway()
    address = f"198.19.{stage.rng.randrange(256)}.{stage.rng.randrange(1, 255)}"

    def ask() -> None:
        for _ in range(_BURST // _AT_ONCE):
            _record(stage, BURST, gateway.request("GET", "/api/auth/me", headers={"X-Forwarded-For": address}))

    _together([ask] * _AT_ONCE)


def _dark(stage: Stage, walk: Walk) -> None:
    """A service goes silent: the first callers wait in vain, the next are told at once; then it is back."""
    pods = [s.name for s in stage.plan.of_kind("service") if s.app == stage.topology.services["questions"].name]
    gateway = stage.servers.gateway()

    def ask() -> None:
        _record(stage, DARK, gateway.request("GET", "/api/questions?limit=1", timeout_s=_DARK_TIMEOUT_S))

    if len(pods) != 1:
        return  # with several replicas one of them silent is not the service gone
    with Pause(pods[0]).inject(stage) as paused:
        if paused:
            _together([ask] * _DARK_ASKS)
            for _ in range(3):
                ask()
    walk.go([BACK])


BACK = Step("the silent service answers again", "GET", "/api/questions?limit=1", 200, within_s=_BACK_S)


def _record(stage: Stage, op: str, reply: HttpReply) -> None:
    stage.record(
        op,
        stage.servers.gateway().name,
        reply.outcome if reply.answered else Outcome.UNSURE,
        actor="stranger",
        status=reply.status,
        content_type=reply.content_type,
        retry_after=reply.headers.get("retry-after", ""),
        latency_s=round(reply.latency_s, 4),
        message=reply.message,
    )


def _together(work: list[Any]) -> None:
    threads = [threading.Thread(target=one, daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)


SCENARIO = Scenario(
    name="platform/gateway-errors",
    claim="The gateway refuses with the status that belongs to the reason, as a problem document, whatever is sent.",
    section="3",
    needs=("gateway", "service"),
    all_services=True,
    rehearse=_rehearse,
    judge=Refusals(judge_journey((*STEPS, BACK), "each refused as it must be")),
    source="RFC 9110, RFC 9457, RFC 6585, RFC 8725",
    parameters={"burst": float(_BURST), "steps": float(len(STEPS) + 1)},
)
