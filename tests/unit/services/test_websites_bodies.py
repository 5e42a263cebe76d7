"""What a site may be."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from sim.services.websites import api, sites
from sim.services.websites.service import SERVICE

GOOD: dict[str, Any] = {"name": "Shop", "locale": "fr-FR", "currency": "EUR", "hosts": ["Shop.Example.com"]}


def site_body(**changes: object) -> api.SiteBody:
    return msgspec.convert(GOOD | changes, api.SiteBody)


def test_every_route_has_its_handler() -> None:
    """Nothing is published that nobody answers."""
    assert list(SERVICE.unhandled()) == []


def test_settings_keep_their_types() -> None:
    """A truth is no number and a number no text, all the way through."""
    settings: dict[str, object] = {"cart.max": 99, "theme.colour": "#aa3300", "beta": True, "rate": 0.2, "note": None}
    decoded = site_body(settings=settings).settings
    assert decoded == settings
    assert decoded["beta"] is True


@pytest.mark.parametrize(
    "settings",
    [
        {"deep": {"er": 1}},
        {"list": [1]},
        {"Upper": 1},
        {"": 1},
        {"line\n": 1},
        {"big": 2**63},
        {"long": "x" * 201},
        {f"k{number}": 0 for number in range(51)},
    ],
)
def test_settings_the_column_could_refuse_are_refused_before(settings: dict[str, object]) -> None:
    """Nesting, numbers beyond a double and too much of anything end as 422."""
    with pytest.raises(msgspec.ValidationError):
        site_body(settings=settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"hosts": ["https://shop.example.com"]},
        {"hosts": ["shop.example.com:443"]},
        {"hosts": ["shop..example.com"]},
        {"hosts": ["shop.example.com\n"]},
        {"hosts": ["x" * 64 + ".example.com"]},
        {"hosts": ["a.example.com"] * 21},
        {"currency": "EUR\n"},
        {"currency": "eur"},
        {"locale": "french"},
        {"name": ""},
        {"maintenance": "yes"},
    ],
)
def test_what_is_no_host_currency_or_locale_is_refused(changes: dict[str, object]) -> None:
    """A scheme, a port, a line feed at the end: each is a mistake worth telling."""
    with pytest.raises(msgspec.ValidationError):
        site_body(**changes)


@pytest.mark.parametrize(("code", "good"), [("main", True), ("shop-2", True), ("a" * 41, False), ("Main", False)])
def test_codes_are_short_and_plain(code: str, *, good: bool) -> None:
    """A code is part of addresses."""
    assert (re.search(api.CODE_PATTERN, code) is not None) is good


def test_a_change_leaves_out_what_it_does_not_name() -> None:
    """PATCH with one field keeps the others; empty hosts are named, so they go."""
    site = api.Site("main", "Shop", "fr-FR", "EUR", ("a.example.com",), maintenance=False, settings={"x": 1})
    closed = sites.changed(site, msgspec.convert({"maintenance": True}, api.SiteChanges))
    assert closed == api.SiteBody("Shop", "fr-FR", "EUR", ("a.example.com",), maintenance=True, settings={"x": 1})
    assert sites.changed(site, msgspec.convert({"hosts": []}, api.SiteChanges)).hosts == ()
