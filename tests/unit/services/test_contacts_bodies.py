"""What a contact form may say."""

from __future__ import annotations

import msgspec
import pytest

from sim.services.contacts import api
from sim.services.contacts.service import SERVICE

GOOD = {"name": "Ann", "email": "ann@example.com", "subject": "Hello", "message": "Line one\nline two 🙂\0"}


def test_every_route_has_its_handler() -> None:
    """Nothing is published that nobody answers."""
    assert list(SERVICE.unhandled()) == []


def test_a_form_is_a_question_unless_it_says_otherwise() -> None:
    """The topic has a default; a message may have lines and any character."""
    form = msgspec.convert(GOOD, api.SendForm)
    assert (form.topic, form.message, form.website) == ("question", GOOD["message"], "")


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: all@example.com"},
        {"subject": ""},
        {"message": ""},
        {"message": "x" * 5001},
        {"topic": "spam"},
        {"name": "x" * 201},
        {"email": "ann@example.com\n"},
    ],
)
def test_headings_are_one_line_and_everything_has_bounds(changes: dict[str, object]) -> None:
    """A subject becomes an e-mail's heading: no line feed may stand in it."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(GOOD | changes, api.SendForm)


@pytest.mark.parametrize("after", ["-1", "x", "1 OR 1=1", "1\n", "9" * 19])
def test_a_forged_cursor_is_refused(after: str) -> None:
    """What no page answered as ``next`` ends as 422."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"after": after}, api.ListForms)
