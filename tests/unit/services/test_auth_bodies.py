"""What auth's schemas take and refuse."""

from __future__ import annotations

import msgspec
import pytest

from sim.services.auth import api
from sim.services.auth.service import SERVICE
from sim.services.contract.route import INTERNAL

GOOD = {"email": "Ann.Lee+shop@Example.co.uk", "password": "long enough", "name": "Ann Lée 🛒"}


def register(**changes: object) -> api.Register:
    return msgspec.convert(GOOD | changes, api.Register)


def test_every_route_has_its_handler() -> None:
    """Nothing is published that nobody answers."""
    assert list(SERVICE.unhandled()) == []


def test_a_believable_registration_is_taken() -> None:
    """Names are in any script; addresses keep their case until they are compared."""
    assert register().name == "Ann Lée 🛒"


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@example.com\n",
        "ann@example.com\r\nBcc: all@example.com",
        "ann@exa mple.com",
        "ann\0@example.com",
        "ann@-example.com",
        "a" * 65 + "@example.com",
        "ann@" + "a." * 130 + "com",
        "' OR 1=1 --@example.com",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    """Line feeds above all, with which an e-mail's head could be forged."""
    with pytest.raises(msgspec.ValidationError):
        register(email=email)


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "seven.."},
        {"password": "x" * 201},
        {"name": ""},
        {"name": "   "},
        {"name": "Ann\nLee"},
        {"name": "Ann\0"},
        {"name": "x" * 201},
        {"name": 5},
        {"email": None},
    ],
)
def test_passwords_and_names_have_bounds(changes: dict[str, object]) -> None:
    """Short passwords, huge values, control characters and other types end as 422."""
    with pytest.raises(msgspec.ValidationError):
        register(**changes)


def test_the_gateway_does_not_publish_the_revocations() -> None:
    """Which tokens are revoked is for the gateway to ask, over the broker."""
    assert api.LIST_REVOCATIONS.access == INTERNAL
    assert [route.name for route in api.ROUTES if route.access == INTERNAL] == ["auth.revocations"]
