"""Whatever a client sends that the OpenAPI document can describe, the gateway answers as the document says.

Every operation, three ways: signed in, so that bodies are judged and not tokens; as a stranger; and with SQL in place
of every string.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sim.runtime.stack import LiveStack
from sim.services.catalogue import SERVICE_MODULES
from sim.services.gateway.openapi import document
from sim.services.gateway.published import published_routes
from sim.services.gateway.run import API_VERSION
from tests.docker.platform.shopping import Shop

load_all_checks()


@dataclass(frozen=True)
class Before:
    """Each service's tables, and when each container's process began."""

    tables: Mapping[str, Sequence[str]]
    started: Mapping[str, str]


def _tables(platform: LiveStack, shop: Shop) -> Mapping[str, Sequence[str]]:
    found = {}
    for server in platform.plan.of_kind("service"):
        key = server.app.removesuffix("-service")
        if "DB_HOST" in server.environment:
            with shop.undone(key) as tx:
                found[key] = sorted(str(value) for row in tx.rows("SHOW TABLES") for value in row.values())
    assert found
    return found


def _started(platform: LiveStack) -> Mapping[str, str]:
    return {server.name: platform.control.state(server.name).started_at for server in platform.plan.servers}


_TIMEOUT_S = 20
_PLANNED = 501
_EXAMPLES_A_ROUTE, _EXAMPLES_OF_A_STRANGER, _EXAMPLES_OF_SQL = 8, 5, 1
_ADMINISTRATORS = 8
_RATE_LIMITED = "urn:e-commerce:problem:rate-limited"
_SLEPT_S = 4.0
_SQL = (
    "' OR '1'='1",
    "'; DROP TABLE users; -- ",
    '" OR SLEEP(5) OR "',
    "1 OR SLEEP(5)#",
    "' UNION SELECT password_hash FROM users -- ",
    "\\' OR SLEEP(5) -- ",
    "%' OR SLEEP(5) -- ",
)
_OF_ONES_OWN = frozenset({"auth.logout", "auth.password"})
"""What would end an administrator's session, or keep them from signing in for a while."""
_NEWCOMERS = 6


@pytest.fixture(scope="module")
def shop(platform: LiveStack, gateway_url: str) -> Shop:
    return Shop.of(platform, gateway_url)


@pytest.fixture(scope="module", autouse=True)
def before(platform: LiveStack, shop: Shop) -> Before:
    """How everything stood when this file's first test began."""
    return Before(_tables(platform, shop), _started(platform))


@pytest.fixture(scope="module")
def administrators(shop: Shop) -> Iterator[Mapping[str, str]]:
    """Headers of one administrator after the other: each may only ask so often, and a refusal would judge nothing."""
    first = shop.administrator()
    tokens = [first]
    for _ in range(_ADMINISTRATORS - 1):
        email = f"{secrets.token_hex(6)}@example.com"
        account = {"email": email, "password": "a long password", "name": "Of the staff"}
        made = shop.call("POST", "auth/register", account)
        given = shop.call(
            "PUT", f"auth/users/{made.document['user_id']}/roles", {"roles": ["administrator"]}, token=first
        )
        assert given.status == 200, given
        tokens.append(shop.signed_in(email, "a long password"))
    return itertools.cycle([{"Authorization": f"Bearer {token}"} for token in tokens])


@pytest.fixture(scope="module")
def newcomers(shop: Shop) -> Iterator[Mapping[str, str]]:
    """Headers of one customer after the other; who signed out is 401 from then on."""
    return itertools.cycle([{"Authorization": f"Bearer {shop.newcomer()}"} for _ in range(_NEWCOMERS)])


@pytest.fixture(scope="module")
def strangers() -> Iterator[Mapping[str, str]]:
    """Headers of one stranger after the other, each from an address of their own."""
    return ({"X-Forwarded-For": f"198.18.{n // 250 % 250}.{n % 250 + 1}"} for n in itertools.count())


# Known before anything runs, so that every operation is a test of its own; the first test compares it with what is
# served.
_DOCUMENT = document(published_routes(SERVICE_MODULES), API_VERSION)
schema = schemathesis.openapi.from_dict(deepcopy(_DOCUMENT))  # it writes into what it is given
# Without a case for each edge of each field: nobody looks at a stranger's.
drawn = schemathesis.openapi.from_dict(deepcopy(_DOCUMENT))
drawn.config.phases.coverage.enabled = False
_quiet = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def test_the_document_is_the_one_that_is_served(gateway_url: str) -> None:
    """Operation by operation what the tests below go through; words alone may differ with Python's version."""
    served = requests.get(f"{gateway_url}/openapi.json", timeout=_TIMEOUT_S).json()
    assert _wordless(served) == _wordless(_DOCUMENT)


def _wordless(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _wordless(inner)
            for name, inner in value.items()
            if not (name == "description" and isinstance(inner, str))
        }
    return [_wordless(inner) for inner in value] if isinstance(value, list) else value


def _judge(url: str, case: Any, headers: Mapping[str, str]) -> Any:
    response = case.call(base_url=url, headers=dict(headers), timeout=_TIMEOUT_S)
    assert response.status_code < 500 or response.status_code == _PLANNED, response.text
    assert response.status_code != 429 or _RATE_LIMITED not in response.text, "refused unread: this judges nothing"
    case.validate_response(
        response, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
    )
    return response


@schema.parametrize()
@settings(max_examples=_EXAMPLES_A_ROUTE, **_quiet)  # type: ignore[arg-type]
def test_no_answer_is_an_error_of_ours(
    case: Any, administrators: Iterator[Mapping[str, str]], newcomers: Iterator[Mapping[str, str]], shop: Shop
) -> None:
    """No 5xx but the documented 501; statuses, content types and bodies are those the document promises."""
    _judge(shop.url, case, next(newcomers if _is_of_ones_own(case) else administrators))


def _is_of_ones_own(case: Any) -> bool:
    return case.operation.definition.raw["operationId"] in _OF_ONES_OWN


@drawn.parametrize()
@settings(max_examples=_EXAMPLES_OF_A_STRANGER, **_quiet)  # type: ignore[arg-type]
def test_a_stranger_is_answered_as_documented(case: Any, strangers: Iterator[Mapping[str, str]], shop: Shop) -> None:
    """Where one must sign in it is 401 before anything else is looked at, and a public route stands on its own."""
    response = _judge(shop.url, case, next(strangers))
    if case.operation.definition.raw.get("security"):
        assert response.status_code in {400, 401, 405, 408, 414, 431}, response.text


@schema.parametrize()
@settings(max_examples=_EXAMPLES_OF_SQL, **_quiet)  # type: ignore[arg-type]
def test_sql_in_every_string_is_a_string(
    case: Any, administrators: Iterator[Mapping[str, str]], newcomers: Iterator[Mapping[str, str]], shop: Shop
) -> None:
    """In path, query and body: refused or kept as said, never run; nobody was made to sleep."""
    turn = itertools.cycle(_SQL)
    case.path_parameters = {name: quote(next(turn), safe="") for name in case.path_parameters or ()}
    case.query = {name: next(turn) if isinstance(value, str) else value for name, value in (case.query or {}).items()}
    case.body = _spoilt(case.body, turn)
    response = _judge(shop.url, case, next(newcomers if _is_of_ones_own(case) else administrators))
    assert response.elapsed < _SLEPT_S, response.text


def _spoilt(value: Any, turn: Iterator[str]) -> Any:
    if isinstance(value, str):
        return next(turn)
    if isinstance(value, dict):
        return {name: _spoilt(inner, turn) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spoilt(inner, turn) for inner in value]
    return value


def test_nothing_was_dropped(before: Before, platform: LiveStack, shop: Shop) -> None:
    """After all of the above every service's tables are those there were, and administrators sign in."""
    assert _tables(platform, shop) == before.tables
    assert shop.administrator()


def test_no_service_was_restarted_by_what_it_was_sent(before: Before, platform: LiveStack) -> None:
    """After all of the above every container still runs its first process, and every one is ready."""
    rows = {row.name: row.state for row in platform.rows()}
    assert set(rows.values()) == {"ready"}, rows
    assert _started(platform) == before.started
