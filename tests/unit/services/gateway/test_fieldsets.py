"""``?fields=`` chooses members of an answer, of each item where it is a list."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.contract.route import PUBLIC, Route
from sim.services.gateway.fieldsets import narrowed, offered_fields, split_fields
from sim.services.gateway.refusals import Refusal


class _Product(msgspec.Struct):
    sku: str
    name: str
    price: int


class _Products(msgspec.Struct):
    items: tuple[_Product, ...]
    next: str | None


class _WithFields(msgspec.Struct):
    fields: str = ""


_SHOW = Route("p.show", "GET", "/{sku}", "", PUBLIC, answers=_Product)
_LIST = Route("p.list", "GET", "", "", PUBLIC, answers=_Products)
_OFFERED = offered_fields(_SHOW)


def test_the_members_of_the_answer_are_offered() -> None:
    """Those of an item where the answer is a list; none where nothing is read, or the route has its own ``fields``."""
    assert offered_fields(_SHOW) == offered_fields(_LIST) == {"sku", "name", "price"}
    assert offered_fields(Route("p.add", "POST", "", "", PUBLIC, answers=_Product)) == frozenset()
    assert offered_fields(Route("p.x", "GET", "", "", PUBLIC)) == frozenset()
    assert offered_fields(Route("p.q", "GET", "", "", PUBLIC, answers=_Product, query=_WithFields)) == frozenset()


@pytest.mark.parametrize(
    ("query", "kept", "chosen"),
    [
        ("", "", set()),
        ("limit=3", "limit=3", set()),
        ("limit=3&fields=sku,name&after=x", "limit=3&after=x", {"sku", "name"}),
        ("fields=sku&fields=price", "", {"sku", "price"}),
        ("fields=sku%2Cname", "", {"sku", "name"}),
        ("q=fields", "q=fields", set()),
        ("myfields=sku", "myfields=sku", set()),
    ],
)
def test_fields_are_taken_out_of_the_query(query: str, kept: str, chosen: set[str]) -> None:
    """The service never sees them; everything else reaches it as it came."""
    assert split_fields(query, _OFFERED) == (kept, chosen)


@pytest.mark.parametrize("query", ["fields=secret", "fields=", "fields=sku,secret", "fields", "fields=,"])
def test_a_field_that_is_not_there_is_refused(query: str) -> None:
    """422, with those there are."""
    with pytest.raises(Refusal, match="name, price, sku") as refused:
        split_fields(query, _OFFERED)
    assert refused.value.status == 422


def test_an_object_keeps_the_chosen_members() -> None:
    """Their values byte for byte as the service wrote them."""
    body = b'{"sku":"A","name":"\\u00e9","price":1.50}'
    assert narrowed(body, frozenset({"name", "price"})) == b'{"name":"\\u00e9","price":1.50}'


def test_a_list_keeps_its_pages() -> None:
    """The members are those of the items; ``next`` stays, or nobody could go on."""
    body = b'{"items":[{"sku":"A","name":"a","price":1},{"sku":"B","name":"b","price":2}],"next":"B"}'
    assert json.loads(narrowed(body, frozenset({"sku"}))) == {"items": [{"sku": "A"}, {"sku": "B"}], "next": "B"}


@given(st.binary(max_size=60))
def test_anything_else_goes_through(body: bytes) -> None:
    """What is no object is answered as it is; nothing fails."""
    assert isinstance(narrowed(body, frozenset({"sku"})), bytes)
