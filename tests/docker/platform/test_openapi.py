"""Whatever a client sends that the OpenAPI document can describe, the gateway answers as the document says."""

from __future__ import annotations

from typing import Any

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

load_all_checks()
_TIMEOUT_S = 20
_PLANNED = 501
_EXAMPLES_A_ROUTE = 12


@pytest.fixture(scope="session")
def administrator(platform: LiveStack, gateway_url: str) -> dict[str, str]:
    """The headers of a signed-in administrator: every route is open, so that bodies are judged and not tokens."""
    answer = requests.post(
        f"{gateway_url}/api/auth/login",
        json={"email": "admin@example.com", "password": platform.secrets["AUTH_SERVICE_ADMIN_PASSWORD"]},
        timeout=_TIMEOUT_S,
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="session")
def openapi(gateway_url: str) -> Any:
    # What changes the caller's own account would lock the test out.
    return schemathesis.openapi.from_url(f"{gateway_url}/openapi.json").exclude(
        operation_id=["auth.logout", "auth.password", "auth.give_roles"]
    )


schema = schemathesis.pytest.from_fixture("openapi")


@schema.parametrize()
@settings(max_examples=_EXAMPLES_A_ROUTE, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_answer_is_an_error_of_ours(case: Any, administrator: dict[str, str]) -> None:
    """No 5xx but the documented 501; statuses, content types and bodies are those the document promises."""
    response = case.call(headers=administrator, timeout=_TIMEOUT_S)
    assert response.status_code < 500 or response.status_code == _PLANNED, response.text
    case.validate_response(
        response, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
    )


def test_no_service_was_restarted_by_what_it_was_sent(platform: LiveStack) -> None:
    """After all of the above every container still runs its first process, and every one is ready."""
    rows = {row.name: row.state for row in platform.rows()}
    assert rows
    assert set(rows.values()) == {"ready"}, rows
