"""Before a crowd comes: patient with what passes, plain about what does not."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from sim.clock import ScaledClock
from sim.errors import Refused, SimError, Unreachable
from sim.load.enrolment import enrol
from sim.servers.gateway import UrlGateway
from tests.unit.tiny_gateway import TinyGateway, tiny_gateway


def _enrol(tiny: TinyGateway, customers: int = 2) -> object:
    rng = random.Random(1)  # noqa: S311 - repeatable, not secret
    return enrol(UrlGateway(tiny.url), ScaledClock(200.0), rng, customers)


def test_customers_are_registered_signed_in_and_given_an_address() -> None:
    """Each asks as another client; what they may buy and search for comes from the catalogue."""
    with tiny_gateway() as tiny:
        rng = random.Random(1)  # noqa: S311 - repeatable, not secret
        people = enrol(UrlGateway(tiny.url), ScaledClock(200.0), rng, 3)
    assert len({customer.email for customer in people.customers}) == 3
    assert {(c.token, c.address_id) for c in people.customers} == {("fresh", "a-1")}
    assert people.goods.skus == ("A-1",)
    assert people.goods.words == ("lamp",)
    registered = [headers for method, path, headers in tiny.seen if path == "/api/auth/register"]
    assert len({headers["x-forwarded-for"] for headers in registered}) == 3


def test_what_passes_is_waited_for() -> None:
    """A rate limit or a service that is not there yet is asked again."""
    with tiny_gateway() as tiny:
        tiny.status = lambda _method, _path: 429 if len(tiny.seen) < 4 else None
        _enrol(tiny, 0)
        assert len(tiny.seen) >= 5


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (lambda _method, path: 403 if "register" in path else None, Refused, "403 to POST /api/auth/register"),
        (lambda _method, _path: 503, Refused, "503 to GET /api/products"),
    ],
)
def test_a_gateway_that_lets_nobody_in_is_said(
    status: Callable[[str, str], int | None], error: type[SimError], said: str
) -> None:
    """With the path and the answer, after patience where that may help."""
    with tiny_gateway() as tiny:
        tiny.status = status
        with pytest.raises(error, match=said):
            _enrol(tiny)


def test_nobody_there_is_unreachable() -> None:
    """After patience, in the clock's time."""
    tiny = TinyGateway(url="http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="got no answer"):
        _enrol(tiny)
