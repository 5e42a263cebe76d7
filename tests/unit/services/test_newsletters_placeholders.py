"""Variables in templates: found, refused, filled; and the templates the platform's own mails are written with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.newsletters import placeholders
from sim.services.newsletters.builtin import BUILT_IN
from sim.services.newsletters.service import SERVICE


def test_variables_are_found_once_each() -> None:
    """By name; single braces are text like any other."""
    assert placeholders.variables_of("{{name}} {x} {{name}}, {{order_number}}") == {"name", "order_number"}


@pytest.mark.parametrize("text", ["{{ name }}", "{{Name}}", "{{name", "name}}", "{{}}", "{{1}}", "{{a-b}}"])
def test_braces_that_make_no_variable_are_refused(text: str) -> None:
    """A typing mistake is told when the template is put, not when a customer reads it."""
    with pytest.raises(placeholders.InvalidPlaceholder) as caught:
        placeholders.variables_of(f"Hello {text}!")
    assert caught.value.near


def test_values_are_put_in_once_and_as_they_are() -> None:
    """A value that looks like a variable is not one; a variable nobody knows is empty."""
    values = {"name": "{{email}} \\1", "email": "a@example.com"}
    assert placeholders.filled("{{name}}|{{email}}|{{other}}", values) == "{{email}} \\1|a@example.com|"


def test_html_values_are_no_markup() -> None:
    """Neither elements nor the end of an attribute."""
    filled = placeholders.filled_html('<a title="{{name}}">{{name}}</a>', {"name": '"><script>&'})
    assert filled == '<a title="&quot;&gt;&lt;script&gt;&amp;">&quot;&gt;&lt;script&gt;&amp;</a>'


@given(st.text())
def test_heading_stays_one_line_whatever_the_value(value: str) -> None:
    """No value begins a heading of its own."""
    line = placeholders.filled_line("Order {{x}}", {"x": value})
    assert not any(character < " " or character == "\x7f" for character in line)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_templates_are_sound(name: str) -> None:
    """Their variables are well-formed, text and HTML ask for the same, and the sender signs."""
    form = BUILT_IN[name]
    assert placeholders.variables_of(form.text) == placeholders.variables_of(form.html)
    assert "sender" in placeholders.variables_of(form.text)
    placeholders.variables_of(form.subject)


def test_whoever_asks_for_a_mail_finds_its_template() -> None:
    """The names orders, support and contacts ask for are built in."""
    asked = {"order-confirmed", "order-cancelled", "ticket-received", "ticket-answered", "contact-received", "welcome"}
    assert asked <= set(BUILT_IN)


def test_every_route_has_its_handler() -> None:
    """A service with a route that nobody answers does not start."""
    assert list(SERVICE.unhandled()) == []
