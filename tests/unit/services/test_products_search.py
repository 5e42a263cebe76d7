"""Words to full-text conditions, cursors, orders: what strangers type is never an operator, a crash or SQL."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.contract.problem import Problem
from sim.services.products import search
from sim.services.products.search import Cursor, Order

BY_PRICE = Order("p.price", descending=True, key="p.sku", numeric=True)


def test_every_word_must_begin_a_word() -> None:
    """Long words are asked of the index; what it leaves out is looked for in the name; stop words say nothing."""
    words = search.words("The Desk lamp, a4")
    assert words is not None
    assert (words.match, words.likes) == ("+desk* +lamp*", ("%a4%",))


def test_stop_words_alone_are_words_of_the_name() -> None:
    """Somebody who searches for "of" means the word, not everything."""
    words = search.words("of the")
    assert words is not None
    assert (words.match, words.likes) == ("", ("%of%", "%the%"))


@pytest.mark.parametrize("text", ["!!!", '+-*"(@>', "___", "'; --", "\u00ad"])
def test_a_text_without_a_word_matches_nothing(text: str) -> None:
    """Operators of the full-text index are no words."""
    assert search.words(text) is None


@given(st.text(max_size=200))
def test_whatever_is_typed_the_index_sees_plain_words(text: str) -> None:
    """Each is marked as required and as a beginning, and holds no operator; LIKE patterns hold no wildcard inside."""
    words = search.words(text)
    if words:
        assert re.fullmatch(r"(\+[^\W_]+\*( \+[^\W_]+\*)*)?", words.match)
        assert all(re.fullmatch(r"%[^\W_]+%", pattern) for pattern in words.likes)
        assert words.match or words.likes


@given(st.one_of(st.text(max_size=120), st.integers(-(2**31), 2**31 - 1)), st.text(max_size=40))
def test_a_cursor_comes_back_as_it_was(value: str | int, key: str) -> None:
    """Any name or price, any key."""
    cursor = Cursor("name", value, key)
    assert search.decode(search.encode(cursor), "name") == cursor


@given(st.text(max_size=100))
def test_a_cursor_of_somebody_elses_making_is_refused(text: str) -> None:
    """422, whatever it is."""
    with pytest.raises(Problem) as refusal:
        search.decode(text, "name")
    assert refusal.value.status == 422


def test_a_cursor_belongs_to_its_order() -> None:
    """One of a list by price does not continue a list by name."""
    with pytest.raises(Problem, match="sorted by 'price'"):
        search.decode(search.encode(Cursor("price", 5, "A")), "name")


@pytest.mark.parametrize("value", ["5", "'; DROP TABLE products", 2**31, -(2**40)])
def test_a_price_in_a_cursor_is_a_number_a_price_can_be(value: str | int) -> None:
    """What the column could not hold is refused before it is compared with it."""
    with pytest.raises(Problem):
        BY_PRICE.beyond(Cursor("price", value, "A"))


def test_ties_are_broken_by_the_key() -> None:
    """Downwards by price, upwards by SKU, bound and not written into the SQL."""
    clause, values = BY_PRICE.beyond(Cursor("price", 500, "B-2"))
    assert clause == "(p.price < %s OR (p.price = %s AND p.sku > %s))"
    assert values == (500, 500, "B-2")
    assert BY_PRICE.clause == "p.price DESC, p.sku ASC"


def test_a_list_by_age_continues_after_a_time() -> None:
    """A text that is no time is refused."""
    search.moment(Cursor("newest", "2026-11-24T00:26:38.856997", "A"))
    with pytest.raises(Problem):
        search.moment(Cursor("newest", "yesterday", "A"))
