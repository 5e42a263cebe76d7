"""The FAQ on real servers, behind the gateway."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.docker.services.content_stand import Front


def added(front: Front, token: str, **changes: object) -> dict[str, Any]:
    body = {"slug": secrets.token_hex(8), "category": "general", "question": "Why?", "answer": "Because."} | changes
    answer = front.call("POST", "questions", body, token=token)
    assert answer.status == 201, answer
    return {**body, **answer.document}


def test_a_question_is_found_by_its_words_and_their_beginnings(front: Front) -> None:
    """The better match first, accents and case aside, within a category where one is named."""
    token = front.administrator()
    both = added(front, token, question="Refunding a gift voucher", answer="Vouchers are refunded at once.")
    one = added(front, token, question="Using a voucher", answer="At the till, in Zürich too.", category="vouchers")

    def found(**query: str) -> list[str]:
        return [item["question_id"] for item in front.call("GET", "questions", **query).document["items"]]

    assert found(q="refund VOUCHER") == [both["question_id"], one["question_id"]]
    assert found(q="zurich") == [one["question_id"]]
    assert found(q="voucher", category="vouchers") == [one["question_id"]]
    assert found(q="nothing-like-it") == []
    assert {"category": "vouchers", "questions": 1} in front.call("GET", "questions/categories").document["items"]


@pytest.mark.parametrize("q", ['"', "+-*", "@3 (", "') OR 1=1 --", "%", "\u00ad", "a" * 200, "🙂", "é" * 200, "< > ~"])
def test_nothing_typed_into_the_search_breaks_it(front: Front, q: str) -> None:
    """Operators of the full-text index are words, or nothing."""
    assert front.call("GET", "questions", q=q).status == 200


def test_questions_stand_in_their_order(front: Front) -> None:
    """By position, page by page."""
    token, category = front.administrator(), f"c{secrets.token_hex(4)}"
    expected = [added(front, token, category=category, position=place)["slug"] for place in (3, 1, 2)]
    first = front.call("GET", "questions", category=category, limit="2").document
    rest = front.call("GET", "questions", category=category, after=first["next"]).document
    assert [item["slug"] for item in first["items"] + rest["items"]] == [expected[1], expected[2], expected[0]]
    assert rest["next"] is None


def test_a_slug_is_one_questions(front: Front) -> None:
    """409 on creating and on replacing; replaced with its own it is fine; a question removed is gone."""
    token = front.administrator()
    one, two = added(front, token), added(front, token)
    body = {"category": "general", "question": "Why?", "answer": "Because."}
    path = f"questions/{two['question_id']}"
    assert front.call("POST", "questions", body | {"slug": one["slug"]}, token=token).status == 409
    assert front.call("PUT", path, body | {"slug": one["slug"]}, token=token).status == 409
    assert (
        front.call("PUT", path, body | {"slug": two["slug"], "answer": "So."}, token=token).document["answer"] == "So."
    )
    assert front.call("DELETE", path, token=token).status == 204
    assert front.call("GET", path).status == 404
    assert front.call("PUT", path, body | {"slug": two["slug"]}, token=token).status == 404


def test_everybody_signed_in_has_one_vote(front: Front) -> None:
    """Voting again changes it; strangers have none; votes go with their question."""
    token = front.administrator()
    question = added(front, token)
    path = f"questions/{question['question_id']}/votes"
    voters = [front.newcomer()["access_token"] for _ in range(2)]
    for voter in voters:
        assert front.call("POST", path, {"helpful": True}, token=voter).status == 200
    after = front.call("POST", path, {"helpful": False}, token=voters[0]).document
    assert (after["helpful"], after["unhelpful"]) == (1, 1)
    assert front.call("POST", path, {"helpful": True}).status == 401
    assert front.call("POST", "questions/none/votes", {"helpful": True}, token=voters[0]).status == 404
    assert front.call("DELETE", f"questions/{question['question_id']}", token=token).status == 204
    assert front.rows("questions", "SELECT COUNT(*) FROM votes") == ((0,),)


def test_only_who_may_edits(front: Front) -> None:
    """A stranger is 401, a customer 403."""
    body = {"slug": "x", "category": "general", "question": "Why?", "answer": "Because."}
    assert front.call("POST", "questions", body).status == 401
    assert front.call("POST", "questions", body, token=front.newcomer()["access_token"]).status == 403
