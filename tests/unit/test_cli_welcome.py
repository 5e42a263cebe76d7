"""What is said of a stack that is up: addresses that are there, calls to paste, no password in what may be kept."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from sim.cli.stacks import _server_called
from sim.cli.welcome import Welcome, welcome
from sim.errors import BadInput
from sim.plan.model import Plan, ServerSpec
from sim.record import ServerRow
from sim.runtime.secrets import generate
from tests.unit.plan_sample import plan


def _rows(whole: Plan, **states: str) -> list[ServerRow]:
    """Every server ready but those named, on ports that tell them apart."""
    return [_row(server, 32000 + 10 * n, states.get(server.kind, "ready")) for n, server in enumerate(whole.servers)]


def _row(server: ServerSpec, base: int, state: str) -> ServerRow:
    ports = {port.name: base + n for n, port in enumerate(p for p in server.ports if p.published)}
    return ServerRow(
        server.name,
        server.kind,
        server.namespace,
        server.app,
        state,
        server.address,
        ports if state == "ready" else {},
        server.image.fidelity,
        server.section,
    )


def _port(rows: list[ServerRow], kind: str, port: str) -> int:
    return next(row.ports[port] for row in rows if row.kind == kind)


def test_the_gateways_address_a_login_and_calls_that_can_be_pasted() -> None:
    """One shell command each, on the published port; the login's body is JSON with the stack's own password."""
    whole = plan()
    rows = _rows(whole)
    secrets = generate(whole.secret_names)
    text = "\n".join(welcome("dev", whole, rows).lines(secrets))
    url = f"http://127.0.0.1:{_port(rows, 'gateway', 'http')}"
    first, second = text.index("  curl"), text.rindex("  curl")
    calls = [shlex.split(text[first:second]), shlex.split(text[second : text.index("RabbitMQ")])]
    assert f"{url}/api/products?limit=3" in calls[0]
    assert f"{url}/api/auth/login" in calls[1]
    body = json.loads(calls[1][calls[1].index("-d") + 1])
    assert body == {"email": "admin@example.com", "password": secrets["AUTH_SERVICE_ADMIN_PASSWORD"]}
    assert f"http://127.0.0.1:{_port(rows, 'rabbitmq', 'management')}" in text
    assert f"http://127.0.0.1:{_port(rows, 'prometheus', 'http')}" in text
    assert "sim seed --stack dev" in text


def test_a_part_of_the_platform_is_not_called_a_shop() -> None:
    """Without products nobody browses and nothing is filled: what is printed is a call that works there."""
    whole = plan()
    rows = [row for row in _rows(whole) if row.app != "products-service"]
    text = "\n".join(welcome("dev", whole, rows).lines(generate(whole.secret_names)))
    assert f"  curl -s http://127.0.0.1:{_port(rows, 'gateway', 'http')}/health" in text
    assert "api/products" not in text
    assert "sim seed" not in text


def test_lines_fit_eighty_columns() -> None:
    """With the longest name a stack may have."""
    whole = plan()
    said = welcome("x" * 31, whole, _rows(whole))
    lines = [*said.lines(generate(whole.secret_names)), *said.brief()]
    assert all(len(line) <= 80 for line in lines), [line for line in lines if len(line) > 80]


def test_json_names_the_secret_and_never_the_password() -> None:
    """A document may be kept; where the password is, is enough."""
    whole = plan()
    document = welcome("dev", whole, _rows(whole)).document()
    assert document["login"] == {"email": "admin@example.com", "password_secret": "AUTH_SERVICE_ADMIN_PASSWORD"}
    assert document["docs"] == f"{document['gateway']}/docs"
    assert set(document["consoles"]) == {"rabbitmq", "prometheus", "alertmanager", "minio"}  # type: ignore[call-overload]


def test_what_is_not_up_is_not_offered() -> None:
    """A stack without gateway, or whose gateway is down, gives no address that would not answer."""
    whole = plan()
    down = welcome("dev", whole, _rows(whole, gateway="exited", service="starting"))
    assert (down.gateway, down.administrator, down.brief()) == ("", None, [])
    assert "curl" not in "\n".join(down.lines(generate(whole.secret_names)))
    alone = plan(only=("redis",))
    nothing = welcome("dev", alone, _rows(alone))
    assert nothing == replace(nothing, gateway="", broker="", consoles={})
    assert nothing.lines({}) == []


def test_a_gateway_without_auth_offers_no_login() -> None:
    """Nobody could sign in."""
    whole = plan(only=("gateway",))
    said: Welcome = welcome("dev", whole, _rows(whole))
    assert said.gateway
    assert said.administrator is None
    assert "login" not in "\n".join(said.lines(generate(whole.secret_names)))


def test_logs_are_asked_for_by_server_or_by_service() -> None:
    """A Service of one pod means that pod; of several, each is offered; a slip of the finger is met with near names."""
    one, three = plan(), plan(environment="production")
    assert _server_called("orders-service", one) == "orders-service"
    assert _server_called("orders-service-2", three) == "orders-service-2"
    with pytest.raises(BadInput) as several:
        _server_called("orders-service", three)
    assert "orders-service-0, orders-service-1, orders-service-2" in several.value.next_step
    with pytest.raises(BadInput) as slip:
        _server_called("order-service", one)
    assert "orders-service" in slip.value.next_step
