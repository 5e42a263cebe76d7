"""Searching the FAQ, and what a question may be."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.questions import api
from sim.services.questions.search import WORDS, boolean_query
from sim.services.questions.service import SERVICE

GOOD = {"slug": "return-an-item", "category": "returns", "question": "How do I return?", "answer": "By post."}


def test_every_route_has_its_handler() -> None:
    """Nothing is published that nobody answers."""
    assert list(SERVICE.unhandled()) == []


def test_words_are_found_by_their_beginning() -> None:
    """``deliver`` finds deliveries, in any script."""
    assert boolean_query("Deliver à Zürich?") == "Deliver* à* Zürich*"


@given(st.text(max_size=200))
def test_no_operator_of_the_boolean_mode_gets_through(text: str) -> None:
    """Whatever is typed becomes words with a star, few of them, or nothing: never a syntax error."""
    query = boolean_query(text)
    words = query.split(" ") if query else []
    assert len(words) <= WORDS
    assert all(re.fullmatch(r"[^\W_]+\*", word) for word in words)


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "Return"},
        {"slug": "return--item"},
        {"slug": "return-item\n"},
        {"slug": "x" * 101},
        {"category": ""},
        {"question": "two\nlines"},
        {"answer": ""},
        {"answer": "x" * 10_001},
        {"position": -1},
        {"position": 1_000_001},
        {"position": 1.5},
    ],
)
def test_a_question_has_bounds(changes: dict[str, object]) -> None:
    """What a column would refuse or cut ends as 422."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(GOOD | changes, api.QuestionBody)
    msgspec.convert(GOOD, api.QuestionBody)
