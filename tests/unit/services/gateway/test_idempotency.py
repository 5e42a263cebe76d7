"""One key is one call: of one caller, to one resource."""

from __future__ import annotations

from uuid import UUID

import pytest

from sim.services.gateway.idempotency import checked_key, message_id
from sim.services.gateway.refusals import Refusal

_CALL = ("user u-1", "orders.create", "", "key-1")


def test_the_same_call_is_the_same_message() -> None:
    """On whichever pod: nothing but the call goes into it."""
    assert message_id(*_CALL) == message_id(*_CALL)
    assert UUID(message_id(*_CALL)).version == 5


@pytest.mark.parametrize("part", range(4))
def test_another_caller_route_path_or_key_is_another_message(part: int) -> None:
    """Nobody is answered with what somebody else, or another call, was answered."""
    other = tuple(value + "x" if number == part else value for number, value in enumerate(_CALL))
    assert message_id(*other) != message_id(*_CALL)


def test_parts_do_not_run_into_each_other() -> None:
    """Moving a character from one part to the next makes another message."""
    assert message_id("user a", "b", "/c", "d") != message_id("user a", "b/", "c", "d")


@pytest.mark.parametrize("value", [b"a", b'"a"', b"8e03978e-40d5-43dd-bc93-6894a57f9324", b"!#$~", b"k" * 200])
def test_a_key_is_visible_ascii(value: bytes) -> None:
    """With or without the quotes of a structured field."""
    assert checked_key([value]) == value.strip(b'"').decode()


@pytest.mark.parametrize("values", [[b""], [b"a b"], [b"\xff"], [b"k" * 201], [b"a", b"b"], [b'a"b'], [b"a\x00"]])
def test_another_key_is_refused(values: list[bytes]) -> None:
    """400, rather than a call that is done twice."""
    with pytest.raises(Refusal) as refused:
        checked_key(values)
    assert refused.value.status == 400


def test_no_key_is_none() -> None:
    """Then a call repeated is done again."""
    assert checked_key([]) is None
