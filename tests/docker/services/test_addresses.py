"""Each customer's own book of addresses, on a real MySQL."""

from __future__ import annotations

import pytest

from tests.docker.services.orders_stand import ADDRESS, Person, Stand


def test_a_book_keeps_addresses_as_they_should_be_written(shop: Stand) -> None:
    """Normalised on the way in, newest first, page by page; changed as a whole, gone when deleted."""
    me = Person.new()
    messy = ADDRESS | {"recipient": "  Ada   Lovelace", "city": "saint-denis", "country": "fr", "postal_code": "93 200"}
    made = shop.ask("addresses", "POST", "", messy, who=me)
    assert made.status == 201
    kept = made.document["address"]
    assert (kept["recipient"], kept["city"], kept["country"]) == ("Ada Lovelace", "Saint-Denis", "FR")
    assert kept["postal_code"] == "93200"
    ids = [made.document["address_id"], shop.address(me), shop.address(me, country="GB", postal_code="sw1a1aa")]
    page = shop.ask("addresses", "GET", "", who=me, query="limit=2").document
    assert [item["address_id"] for item in page["items"]] == [ids[2], ids[1]]
    rest = shop.ask("addresses", "GET", "", who=me, query=f"limit=2&after={page['next']}").document
    assert [item["address_id"] for item in rest["items"]] == [ids[0]]
    assert rest["next"] is None
    moved = shop.ask("addresses", "PATCH", f"/{ids[0]}", {"city": "Lyon", "postal_code": "69001"}, who=me)
    assert (moved.document["address"]["city"], moved.document["address"]["recipient"]) == ("Lyon", "Ada Lovelace")
    # The code was London's; in France it is none.
    assert shop.ask("addresses", "PATCH", f"/{ids[2]}", {"country": "FR"}, who=me).status == 422
    assert shop.ask("addresses", "DELETE", f"/{ids[0]}", who=me).status == 204
    assert shop.ask("addresses", "GET", f"/{ids[0]}", who=me).status == 404


def test_there_is_one_default_whatever_is_done(shop: Stand) -> None:
    """The first is it by itself; another takes its place; when it goes the newest does; it cannot be taken away."""
    me = Person.new()
    first, second, third = (shop.address(me) for _ in range(3))

    def default() -> list[str]:
        items = shop.ask("addresses", "GET", "", who=me).document["items"]
        return [item["address_id"] for item in items if item["default"]]

    assert default() == [first]
    assert shop.ask("addresses", "PATCH", f"/{second}", {"default": True}, who=me).document["default"] is True
    assert default() == [second]
    refused = shop.ask("addresses", "PATCH", f"/{second}", {"default": False}, who=me)
    assert (refused.status, refused.document["errors"][0]["field"]) == (422, "default")
    assert shop.ask("addresses", "DELETE", f"/{second}", who=me).status == 204
    assert default() == [third]


def test_addresses_added_all_at_once_have_one_default_too(shop: Stand) -> None:
    """Ten of a newcomer's, none waiting for the other: ten kept, one of them the default."""
    me = Person.new()
    sent = [shop.client.send("POST", "", ADDRESS, service="addresses-service", identity=me.identity) for _ in range(10)]
    answers = [shop.client.wait(each) for each in sent]
    assert [answer.status for answer in answers if answer] == [201] * 10
    items = shop.ask("addresses", "GET", "", who=me).document["items"]
    assert len(items) == 10
    assert sum(item["default"] for item in items) == 1


def test_nobody_sees_or_changes_anothers_address(shop: Stand) -> None:
    """404, as if it were not there; and it is there afterwards, unchanged."""
    me, other = Person.new(), Person.new()
    mine = shop.address(me)
    assert shop.ask("addresses", "GET", f"/{mine}", who=other).status == 404
    assert shop.ask("addresses", "PATCH", f"/{mine}", {"city": "Nice"}, who=other).status == 404
    assert shop.ask("addresses", "DELETE", f"/{mine}", who=other).status == 404
    assert shop.ask("addresses", "GET", f"/{mine}").status == 401
    assert shop.ask("addresses", "GET", f"/{mine}", who=me).document["address"]["city"] == "Paris"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"postal_code": "99999"}, "postal_code"),
        ({"country": "XX"}, "country"),
        ({"country": "uk"}, "country"),
        ({"recipient": "Ada\u0000"}, "recipient"),
        ({"line1": "   "}, "line1"),
    ],
)
def test_a_wrong_field_is_named(shop: Stand, changes: dict[str, str], field: str) -> None:
    """422 with the field, from the validator anybody may ask as from the book."""
    for path, who in (("/validate", None), ("", Person.new())):
        answer = shop.ask("addresses", "POST", path, ADDRESS | changes, who=who)
        assert answer.status == 422, answer
        assert [error["field"] for error in answer.document["errors"]] == [field]


def test_odd_but_harmless_text_is_kept_as_text(shop: Stand) -> None:
    """SQL is a name like any other; what is too long, or no text, is 422; an odd id is 404."""
    me = Person.new()
    name = "Robert'); DROP TABLE addresses;-- \\ % _ \U0001f6b2"
    kept = shop.ask("addresses", "GET", f"/{shop.address(me, recipient=name)}", who=me)
    assert kept.document["address"]["recipient"] == name
    for wrong in ({"recipient": "x" * 121}, {"recipient": 5}, {"city": None}, {"country": "F" * 9}):
        assert shop.ask("addresses", "POST", "", ADDRESS | wrong, who=me).status == 422
    for odd in ("x", "%27%20OR%201%3D1", "%00", "%ff", "0" * 36, "\u00e9"):
        assert shop.ask("addresses", "GET", f"/{odd}", who=me).status in {400, 404}, odd
    assert shop.ask("addresses", "GET", "", who=me, query="limit=0").status == 422
    assert shop.ask("addresses", "GET", "", who=me, query="after=x").status == 422


def test_anybody_may_have_an_address_validated(shop: Stand) -> None:
    """Without an account, and nothing is kept of it."""
    before = shop.rows("addresses", "SELECT COUNT(*) FROM addresses")
    answer = shop.ask("addresses", "POST", "/validate", ADDRESS | {"country": "nl", "postal_code": "1012js"})
    assert (answer.status, answer.document["postal_code"]) == (200, "1012 JS")
    assert shop.rows("addresses", "SELECT COUNT(*) FROM addresses") == before
