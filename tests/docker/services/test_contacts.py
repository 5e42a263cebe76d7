"""Contact forms on real servers, behind the gateway."""

from __future__ import annotations

from tests.docker.services.content_stand import Front

FORM = {"name": "Ann", "email": "Ann@example.com", "subject": "My order", "message": "Where is it? '; -- \0 🙂"}


def test_a_form_for_support_is_thanked_for_and_becomes_a_ticket(front: Front) -> None:
    """Two events by attributes, each with the form's id; whoever reads contacts sees it as it was written."""
    with front.hearing("notification.contact", "ticket.requested") as heard:
        sent = front.call("POST", "contacts", FORM | {"topic": "support"})
        assert sent.status == 201
        form_id = sent.document["form_id"]
        events = dict(heard.until(2))
    assert events["notification.contact"] == {
        "email": "ann@example.com",
        "template": "contact-received",
        "reference": form_id,
        "variables": {"name": "Ann", "subject": "My order"},
    }
    assert events["ticket.requested"]["form_id"] == form_id
    seen = front.call("GET", f"contacts/{form_id}", token=front.administrator()).document
    assert (seen["message"], seen["state"]) == (FORM["message"], "open")


def test_a_robots_form_is_thrown_away(front: Front) -> None:
    """It is answered like any other, and leaves neither a row nor an event."""
    before = front.rows("contacts", "SELECT COUNT(*) FROM forms")
    assert front.call("POST", "contacts", FORM | {"website": "http://spam.example"}).status == 201
    assert front.rows("contacts", "SELECT COUNT(*) FROM forms") == before


def test_forms_are_worked_through(front: Front) -> None:
    """Filtered, newest first, page by page; answered forms leave the list of open ones."""
    token = front.administrator()
    sent = [front.call("POST", "contacts", FORM | {"topic": "partnership"}).document["form_id"] for _ in range(3)]
    query = {"topic": "partnership", "state": "open"}
    first = front.call("GET", "contacts", token=token, limit="2", **query).document
    rest = front.call("GET", "contacts", token=token, after=first["next"], **query).document
    assert [form["form_id"] for form in first["items"] + rest["items"]] == sent[::-1]
    assert front.call("PATCH", f"contacts/{sent[0]}", {"state": "answered"}, token=token).status == 200
    still_open = front.call("GET", "contacts", token=token, **query).document["items"]
    assert [form["form_id"] for form in still_open] == sent[:0:-1]


def test_forms_are_nobody_elses_business(front: Front) -> None:
    """A stranger is 401, a customer 403; what is no form, state or cursor 404 or 422."""
    assert front.call("GET", "contacts").status == 401
    assert front.call("GET", "contacts", token=front.newcomer()["access_token"]).status == 403
    token = front.administrator()
    assert front.call("GET", "contacts/%F0%9F%99%82", token=token).status == 404
    assert front.call("PATCH", "contacts/none", {"state": "gone"}, token=token).status == 422
    assert front.call("GET", "contacts", token=token, after="1 OR 1=1").status == 422
    assert front.call("POST", "contacts", FORM | {"subject": "a\r\nBcc: b@example.com"}).status == 422
