"""A service whose parts do not fit together does not start, and says which."""

from __future__ import annotations

import msgspec
import pytest

from sim.services.catalogue import SERVICE_MODULES
from sim.services.chassis.ping import with_ping
from sim.services.chassis.run import INVALID, _mistakes, run
from sim.services.chassis.service import Service
from sim.services.contract.route import PUBLIC, Route
from tests.unit.services.chassis.environment import COMPLETE

ROUTE = Route("payments.show", "GET", "/{payment_id}", "show", PUBLIC)


@pytest.mark.parametrize(
    ("service", "told"),
    [
        (Service("payments", (ROUTE,), {}), "payments.show"),
        (Service("payments", (), {"payments.show": lambda _call: None}), "payments.show"),
        (Service("baskets", (), {}), "order.placed"),
        (Service("payments", (), {}, events={"order.placed": lambda _event, _tx: None}), "order.placed"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_connected(
    service: Service, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A route without handler, a handler without route, an event nobody or the wrong one handles: exit 2."""
    assert run("payments-service", service, COMPLETE) == INVALID
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("key", sorted(SERVICE_MODULES))
def test_every_service_fits_together(key: str) -> None:
    """Its routes are handled, its events are those the catalogue says it hears."""
    module = __import__(f"{SERVICE_MODULES[key]}.service", fromlist=["SERVICE"])
    assert module.SERVICE.key == key
    assert _mistakes(module.SERVICE) == []


def test_every_service_can_be_pinged() -> None:
    """A light public route is added; its answer is a value that encodes."""
    service = with_ping(Service("payments", (), {}), "payments-1")
    (route,) = service.routes
    assert (route.name, route.path, route.light, route.access) == ("payments.ping", "/ping", True, PUBLIC)
    call = type("Call", (), {"context": type("Context", (), {"service": "payments-service"})})
    answer = service.handlers["payments.ping"](call)  # type: ignore[arg-type] # only the name is read
    assert msgspec.json.encode(answer) == b'{"service":"payments-service","pod":"payments-1"}'
