"""Paths and queries as clients write them, brought into the one spelling that is matched and sent on."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.chassis.router import LONGEST_PATH
from sim.services.gateway.refusals import Refusal
from sim.services.gateway.targets import LONGEST_QUERY, canonical_path, checked_query


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/api/shop/A-1", "/api/shop/A-1"),
        (b"/api/shop/%41-1", "/api/shop/A-1"),
        (b"/api/shop/a%2Fb", "/api/shop/a%2Fb"),
        (b"/api/shop/a%2fb", "/api/shop/a%2Fb"),
        (b"/api/shop/%C3%A9", "/api/shop/%C3%A9"),
        (b"/api/shop/%25", "/api/shop/%25"),
        (b"/api/shop/50%", "/api/shop/50%25"),
        (b"/api/%73hop", "/api/shop"),
    ],
)
def test_one_path_has_one_spelling(raw: bytes, canonical: str) -> None:
    """Escapes that need not be are undone, those that must be stay, and an escaped slash separates nothing."""
    assert canonical_path(raw) == canonical


@pytest.mark.parametrize("raw", [b"/api/%FF", b"/api/%00", b"/api/a%0Ab", b"/api/%7F", b"/api/%C3"])
def test_a_path_that_is_no_text_is_refused(raw: bytes) -> None:
    """Invalid UTF-8 and control characters are the client's mistake: 400."""
    with pytest.raises(Refusal) as refused:
        canonical_path(raw)
    assert refused.value.status == 400


@pytest.mark.parametrize("raw", [b"/" + b"a" * LONGEST_PATH, b"/%41" + b'"' * (LONGEST_PATH // 2)])
def test_a_path_too_long_is_refused(raw: bytes) -> None:
    """As long as it would be sent: what a service would not take never reaches it (414)."""
    with pytest.raises(Refusal) as refused:
        canonical_path(raw)
    assert refused.value.status == 414


@given(st.binary(max_size=80).filter(lambda raw: raw.isascii() and b"?" not in raw))
def test_a_spelling_is_final(raw: bytes) -> None:
    """What was made canonical is canonical, and means the same text."""
    try:
        path = canonical_path(b"/" + raw)
    except Refusal:
        return
    if "%" in path:
        assert canonical_path(path.encode()) == path
        assert unquote(path) == unquote((b"/" + raw).decode())


@pytest.mark.parametrize("raw", [b"a=%00", b"a=%FF", b"a=\xff"])
def test_a_query_that_is_no_text_is_refused(raw: bytes) -> None:
    """Invalid UTF-8 and NUL in a query are the client's mistake: 400."""
    with pytest.raises(Refusal) as refused:
        checked_query(raw)
    assert refused.value.status == 400


def test_a_query_goes_on_as_it_came() -> None:
    """Duplicates, empty values and escapes are the service's to read; too long a query is refused (414)."""
    assert checked_query(b"a=1&a=2&b=&c=%C3%A9") == "a=1&a=2&b=&c=%C3%A9"
    with pytest.raises(Refusal) as refused:
        checked_query(b"a" * (LONGEST_QUERY + 1))
    assert refused.value.status == 414
