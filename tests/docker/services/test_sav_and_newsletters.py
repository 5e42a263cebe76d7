"""Support and newsletters as they run: with their databases, the brokers, and a bucket that comes and goes."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.docker.services.asking import Stand, identity, standing

SAV, MAIL = "sav-service", "newsletters-service"
STAFF = identity("staff@example.com", "tickets.manage")
EDITOR = identity("editor@example.com", "newsletters.manage")
FILE = b"what is broken"
ANNOUNCED = {"file_name": "photo.png", "content_type": "image/png", "size_bytes": len(FILE)}
RECIPIENTS = 1500


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("state"), SAV, MAIL) as made:
        yield made


def _ticket(stand: Stand, who: Mapping[str, Any]) -> str:
    opened = stand.ask(SAV, "POST", "", {"subject": "Où est mon colis ?", "message": "Bonjour"}, who=who)
    assert (opened.status, opened.body["state"]) == (201, "open")
    return str(opened.body["ticket_id"])


def _mails(stand: Stand, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    while not found or page["next"]:
        asked = {"limit": 100, **query} | ({"after": page["next"]} if page else {})
        page = stand.ask(MAIL, "GET", "/messages", who=EDITOR, query=asked).body
        found += page["items"]
        if not page["items"]:
            break
    return found


def test_ticket_is_its_owners_and_the_staffs(stand: Stand) -> None:
    """To anybody else it does not exist; an answer goes to its owner by mail, every answer once."""
    owner, other = identity("Ann@example.com"), identity("bob@example.com")
    ticket = _ticket(stand, owner)
    assert stand.ask(SAV, "GET", f"/{ticket}", who=other).status == 404
    assert stand.ask(SAV, "POST", f"/{ticket}/messages", {"message": "x"}, who=other).status == 404
    for text in ("We look into it", "Found it"):
        assert stand.ask(SAV, "POST", f"/{ticket}/messages", {"message": text}, who=STAFF).status == 201
    assert stand.ask(SAV, "GET", f"/{ticket}", who=owner).body["state"] == "pending"
    stand.until("three mails", lambda: len(_mails(stand, reference=ticket)) == 3, within_s=10)
    mails = _mails(stand, reference=ticket)
    assert sorted(mail["template"] for mail in mails) == ["ticket-answered", "ticket-answered", "ticket-received"]
    assert {mail["email"] for mail in mails} == {"ann@example.com"}


def test_closed_ticket_stays_closed(stand: Stand) -> None:
    """Neither a state nor a message nor a file brings it back."""
    owner = identity("c@example.com")
    ticket = _ticket(stand, owner)
    assert stand.ask(SAV, "PATCH", f"/{ticket}", {"state": "closed"}, who=STAFF).body["state"] == "closed"
    assert stand.ask(SAV, "PATCH", f"/{ticket}", {"state": "open"}, who=STAFF).status == 409
    assert stand.ask(SAV, "POST", f"/{ticket}/messages", {"message": "x"}, who=owner).status == 409
    assert stand.ask(SAV, "POST", f"/{ticket}/attachments", ANNOUNCED, who=owner).status == 409


def test_attachment_is_stored_once_it_is_there_as_announced(stand: Stand) -> None:
    """Not before the upload, not with another size; and without a signature nobody fetches it."""
    owner, other = identity("d@example.com"), identity("e@example.com")
    ticket = _ticket(stand, owner)
    upload = stand.ask(SAV, "POST", f"/{ticket}/attachments", ANNOUNCED, who=owner).body
    place = f"/{ticket}/attachments/{upload['attachment']['attachment_id']}"
    assert stand.ask(SAV, "GET", place, who=owner).status == 409
    assert stand.ask(SAV, "POST", f"{place}/complete", who=owner).status == 409
    assert stand.follow("PUT", upload["url"], FILE + b"!").status_code == 200
    assert stand.ask(SAV, "POST", f"{place}/complete", who=owner).status == 409
    assert stand.follow("PUT", upload["url"], FILE).status_code == 200
    assert stand.ask(SAV, "POST", f"{place}/complete", who=owner).body["stored"] is True
    download = stand.ask(SAV, "GET", place, who=owner).body
    assert stand.follow("GET", download["url"]).content == FILE
    assert stand.follow("GET", download["url"].partition("?")[0]).status_code == 403
    assert stand.ask(SAV, "GET", place, who=other).status == 404


def test_tickets_go_on_without_the_bucket(stand: Stand) -> None:
    """Attachments answer 503 meanwhile, and work again by themselves; a template put then reaches the bucket."""
    owner, name = identity("f@example.com"), f"t-{secrets.token_hex(4)}"
    store = stand.stack.plan.of_kind("object-store")[0].name
    stand.stack.engine.pause(store)
    try:
        ticket = _ticket(stand, owner)
        assert stand.ask(SAV, "POST", f"/{ticket}/attachments", ANNOUNCED, who=owner).status == 503
        assert stand.ask(SAV, "GET", f"/{ticket}", who=owner).body["attachments"] == []
        form = {"subject": "s", "html": "<p>{{name}}</p>", "text": "{{name}}"}
        put = stand.ask(MAIL, "PUT", f"/templates/{name}", form, who=EDITOR)
        assert (put.status, put.body["html_url"]) == (200, None)
    finally:
        stand.stack.engine.unpause(store)
    stand.until(
        "attachments again",
        lambda: stand.ask(SAV, "POST", f"/{ticket}/attachments", ANNOUNCED, who=owner).status == 201,
        within_s=30,
    )
    url = stand.until(
        "the template in the bucket",
        lambda: stand.ask(MAIL, "GET", f"/templates/{name}", who=EDITOR).body["html_url"],
        within_s=40,
    )
    assert stand.follow("GET", url).content == b"<p>{{name}}</p>"


def test_contact_form_opens_one_ticket_however_often_it_is_told(stand: Stand) -> None:
    """The same event twice, and the same form under another event's id."""
    form, event = str(uuid.uuid4()), str(uuid.uuid4())
    email = f"{form[:8]}@example.com"
    payload = {"form_id": form, "email": email, "subject": "Help", "message": "m"}
    for message_id in (event, event, str(uuid.uuid4())):
        stand.tell("ticket.requested", "headers", payload, message_id=message_id, headers={"audience": "support"})
    last = {**payload, "form_id": str(uuid.uuid4()), "email": f"last-{email}"}
    stand.tell("ticket.requested", "headers", last, headers={"audience": "support"})
    stand.until("the mails", lambda: _mails(stand, email=email) and _mails(stand, email=f"last-{email}"), within_s=10)
    found = stand.ask(SAV, "GET", "", who=STAFF, query={"email": email}).body["items"]
    assert [(ticket["user_id"], ticket["subject"]) for ticket in found] == [(None, "Help")]
    assert len(_mails(stand, email=email)) == 1


def test_subscribing_tells_strangers_nothing(stand: Stand) -> None:
    """New, invited or confirmed: one answer. Only the mail holds the token, and asking again sends no second one."""
    email = f"{secrets.token_hex(4)}@example.com"
    answers = [stand.ask(MAIL, "POST", "/subscribers", {"email": email}) for _ in range(2)]
    [mail] = _mails(stand, email=email)
    token = re.search(r"code: (\S+)", mail["text"])
    assert token is not None
    confirmed = stand.ask(MAIL, "POST", "/subscribers/confirm", {"token": token[1]})
    assert confirmed.body == {"state": "confirmed"}
    answers.append(stand.ask(MAIL, "POST", "/subscribers", {"email": email}))
    assert len({str(answer) for answer in answers}) == 1
    assert len(_mails(stand, email=email)) == 1
    assert stand.ask(MAIL, "POST", "/subscribers/confirm", {"token": "x" * 43}).status == 404


def test_campaign_reaches_everybody_once_though_its_sender_is_killed(stand: Stand) -> None:
    """Killed between two batches or within one, and started again: as many mails as recipients, all different."""
    topic, template = f"t{secrets.token_hex(4)}", f"t-{secrets.token_hex(4)}"
    rows = [
        (str(uuid.uuid4()), f"{n}.{topic}@example.com", f"{n:043d}{topic}"[-43:], f"{n}{topic}".ljust(43, "u"))
        for n in range(RECIPIENTS)
    ]
    stand.execute(
        f"{MAIL}-mysql",
        "INSERT INTO subscribers (subscriber_id, email, name, locale, state, confirm_token, unsubscribe_token)"
        " VALUES (%s, %s, 'N', 'pt', 'confirmed', %s, %s)",
        rows,
    )
    stand.execute(
        f"{MAIL}-mysql",
        "INSERT INTO subscriber_topics (subscriber, topic) SELECT number, %s FROM subscribers WHERE email LIKE %s",
        [(topic, f"%.{topic}@example.com")],
    )
    form = {"subject": "Hi {{name}}", "html": "{{unsubscribe_token}}", "text": "{{unsubscribe_token}}"}
    stand.ask(MAIL, "PUT", f"/templates/{template}", form, who=EDITOR)
    # A language of their own, too: who named no topic is meant by every one, such as another test's subscriber.
    body = {"template": template, "segment": {"topic": topic, "locale": "pt"}}
    campaign = stand.ask(MAIL, "POST", "/campaigns", body, who=EDITOR).body
    place = f"/campaigns/{campaign['campaign_id']}"
    assert stand.ask(MAIL, "POST", f"{place}/send", who=EDITOR).status == 202
    begun = stand.until("some mails", lambda: stand.ask(MAIL, "GET", place, who=EDITOR).body["sent"], within_s=20)
    assert begun < RECIPIENTS
    stand.stack.engine.kill(MAIL)
    stand.stack.engine.start(MAIL)
    assert stand.ask(MAIL, "POST", f"{place}/send", who=EDITOR).status == 202
    done = stand.until(
        "all mails",
        lambda: body if (body := stand.ask(MAIL, "GET", place, who=EDITOR).body)["state"] == "sent" else None,
        within_s=60,
    )
    assert (done["recipients"], done["sent"]) == (RECIPIENTS, RECIPIENTS)
    mails = _mails(stand, reference=campaign["campaign_id"])
    assert len(mails) == len({mail["email"] for mail in mails}) == RECIPIENTS


def test_latest_name_of_the_shop_signs_the_mails(stand: Stand) -> None:
    """A broadcast that was said earlier and arrives later changes nothing; a mail is written once per occasion."""
    order = str(uuid.uuid4())
    for name, said_at_s in (("New name", 2_000_000_000), ("Old name", 1_900_000_000)):
        site = {"site": "main", "name": name, "locale": "fr-FR", "currency": "EUR", "maintenance": False}
        stand.tell("site.changed", "fanout", site, timestamp=said_at_s)
    asked = {"email": "A@example.com", "template": "order-confirmed", "reference": order, "variables": {"total": "1"}}

    def signed_by_new_name() -> bool:
        probe = str(uuid.uuid4())
        stand.tell("notification.order", "headers", {**asked, "reference": probe}, headers={"channel": "email"})
        [mail] = stand.until("its mail", lambda: _mails(stand, reference=probe), within_s=10)
        return bool(mail["sender"] == "New name")

    stand.until("the new name", signed_by_new_name, within_s=10)
    for _ in range(3):
        stand.tell("notification.order", "headers", asked, headers={"channel": "email"})
    stand.until("the order's mail", lambda: _mails(stand, reference=order), within_s=10)
    assert signed_by_new_name()
    assert [mail["sender"] for mail in _mails(stand, reference=order)] == ["New name"]


def test_mail_without_its_template_is_a_dead_letter_until_there_is_one(stand: Stand) -> None:
    """Nothing is lost: put the template, requeue the letter, and the mail is written."""
    template, reference = f"t-{secrets.token_hex(4)}", str(uuid.uuid4())
    coordinator = identity("ops@example.com", "dead-letters.manage")
    asked = {"email": "a@example.com", "template": template, "reference": reference, "variables": {}}
    stand.tell("notification.order", "headers", asked, headers={"channel": "email"})
    place = f"/dead-letters/{MAIL}"
    stand.until(
        "a dead letter",
        lambda: stand.ask("messages-broker-service", "GET", place, who=coordinator).body["items"],
        within_s=60,
    )
    form = {"subject": "s", "html": "h", "text": "t"}
    assert stand.ask(MAIL, "PUT", f"/templates/{template}", form, who=EDITOR).status == 200
    assert stand.ask("messages-broker-service", "POST", f"{place}/requeue", {}, who=coordinator).status == 200
    assert len(stand.until("the mail", lambda: _mails(stand, reference=reference), within_s=15)) == 1
