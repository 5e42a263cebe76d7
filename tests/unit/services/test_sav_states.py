"""A ticket's life, and what its bodies refuse."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from sim.services.sav import api, states
from sim.services.sav.service import SERVICE

STATES: tuple[api.State, ...] = get_args(api.State)
ALLOWED = {
    ("open", "pending"),
    ("open", "resolved"),
    ("open", "closed"),
    ("pending", "open"),
    ("pending", "resolved"),
    ("pending", "closed"),
    ("resolved", "open"),
    ("resolved", "closed"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("wanted", STATES)
def test_only_the_documented_steps_are_possible(state: api.State, wanted: api.State) -> None:
    """Closed is the end; a resolved ticket can be opened again; staying needs no step."""
    assert states.may_become(state, wanted) == (state == wanted or (state, wanted) in ALLOWED)


@pytest.mark.parametrize(
    ("state", "author", "after"),
    [
        ("open", "customer", "open"),
        ("pending", "customer", "open"),
        ("resolved", "customer", "open"),
        ("closed", "customer", None),
        ("open", "staff", "pending"),
        ("pending", "staff", "pending"),
        ("resolved", "staff", "resolved"),
        ("closed", "staff", None),
    ],
)
def test_writing_moves_a_ticket_along(state: api.State, author: states.Author, after: api.State | None) -> None:
    """A customer's word makes it ours again, an answer makes it theirs, and nobody writes on a closed one."""
    assert states.after_message(state, author) == after


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ({"subject": "", "message": "m"}, api.NewTicket),
        ({"subject": "a\r\nBcc: x@example.com", "message": "m"}, api.NewTicket),
        ({"subject": "a\n", "message": "m"}, api.NewTicket),
        ({"subject": "a", "message": " \n"}, api.NewTicket),
        ({"subject": "a", "message": "m", "order_id": "1; DROP TABLE tickets"}, api.NewTicket),
        ({"subject": "a", "message": "m", "user_id": "somebody else"}, api.NewTicket),
        ({"file_name": "../etc/passwd", "content_type": "text/plain", "size_bytes": 1}, api.NewAttachment),
        ({"file_name": "a\x00.png", "content_type": "image/png", "size_bytes": 1}, api.NewAttachment),
        ({"file_name": "a.svg", "content_type": "image/svg+xml", "size_bytes": 1}, api.NewAttachment),
        ({"file_name": "a.png", "content_type": "image/png", "size_bytes": 0}, api.NewAttachment),
        ({"file_name": "a.png", "content_type": "image/png", "size_bytes": 10 * 1024 * 1024 + 1}, api.NewAttachment),
    ],
)
def test_bodies_refuse_what_could_do_harm(body: dict[str, object], form: type[msgspec.Struct]) -> None:
    """Headings that break lines, paths in file names, types a browser would run, sizes beyond the limit."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, form)


def test_bodies_take_what_people_write() -> None:
    """Accents, several lines, a file name with blanks and dots; the largest file allowed."""
    msgspec.convert({"subject": "Où est mon colis ?", "message": "Bonjour,\n\nmerci"}, api.NewTicket)
    attachment = {"file_name": "photo du colis (1).jpeg", "content_type": "image/jpeg", "size_bytes": 10 * 1024 * 1024}
    msgspec.convert(attachment, api.NewAttachment)


def test_every_route_has_its_handler() -> None:
    """A service with a route that nobody answers does not start."""
    assert list(SERVICE.unhandled()) == []
