"""Newsletters in memory: subscriptions confirmed by mail, and every mail the platform writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.runtime.fake.shop.model import Call, Handler, Hearing, Shelves, page
from sim.services.contract.events import NotificationRequested, NotificationSent, UserRegistered
from sim.services.contract.problem import not_found
from sim.services.newsletters import api

SERVICE = "newsletters"
_DETAIL = "If this address can be written to, a mail is on its way."


def handlers() -> Mapping[str, Handler]:
    return {
        "newsletters.subscribe": _subscribe,
        "newsletters.confirm": _confirm,
        "newsletters.list-subscribers": _subscribers,
        "newsletters.list-messages": _mails,
    }


def hearings() -> Mapping[tuple[str, str], Hearing]:
    asked = ("notification.order", "notification.ticket", "notification.contact")
    return {**{(SERVICE, event): _send for event in asked}, (SERVICE, "user.registered"): _welcome}


def _write(shelves: Shelves, email: str, template: str, reference: str, body: str) -> None:
    mail = api.Mail(
        message_id=shelves.new_id(),
        reference=reference,
        template=template,
        template_version=1,
        sender="Shop",
        email=email,
        subject=template,
        text=body,
        html=f"<p>{body}</p>",
        created_at=shelves.calendar(),
    )
    shelves.books[SERVICE].table("messages")[mail.message_id] = mail


def _send(shelves: Shelves, asked: NotificationRequested, trace_id: str) -> None:
    _write(shelves, asked.email, asked.template, asked.reference, asked.template)
    shelves.emit(SERVICE, "notification.sent", NotificationSent(asked.template, asked.reference), trace_id)


def _welcome(shelves: Shelves, registered: UserRegistered, _trace_id: str) -> None:
    _write(shelves, registered.email, "welcome", registered.user_id, f"Welcome, {registered.name}")


def _subscribe(call: Call) -> api.Invitation:
    body: api.NewSubscriber = call.body
    held: dict[str, dict[str, Any]] = call.rows("subscribers")
    if body.email not in held:
        token = f"{call.shop.rng.getrandbits(172):043x}"[:43]
        subscriber = api.Subscriber(
            call.shop.new_id(), body.email, body.name, body.locale, body.topics, "pending", call.shop.calendar()
        )
        held[body.email] = {"token": token, "subscriber": subscriber}
        _write(call.shop, body.email, "confirm-subscription", subscriber.subscriber_id, f"this code: {token}")
    return api.Invitation(_DETAIL)


def _confirm(call: Call) -> api.Subscription:
    for held in call.rows("subscribers").values():
        if held["token"] == call.body.token:
            known: api.Subscriber = held["subscriber"]
            held["subscriber"] = api.Subscriber(
                known.subscriber_id,
                known.email,
                known.name,
                known.locale,
                known.topics,
                "confirmed",
                known.created_at,
            )
            return api.Subscription("confirmed")
    raise not_found("A subscription with this token")


def _subscribers(call: Call) -> api.Subscribers:
    query: api.SubscriberQuery = call.query
    known: list[api.Subscriber] = [held["subscriber"] for held in reversed(call.rows("subscribers").values())]
    kept = [s for s in known if query.state in {None, s.state} and query.email in {None, s.email}]
    return api.Subscribers(*page(kept, query.limit, query.after))


def _mails(call: Call) -> api.Mails:
    query: api.MailQuery = call.query
    kept = [
        mail
        for mail in reversed(call.rows("messages").values())
        if query.email in {None, mail.email}
        and query.reference in {None, mail.reference}
        and query.template in {None, mail.template}
    ]
    return api.Mails(*page(kept, query.limit, query.after))
