"""Subscribers by double opt-in. To strangers, every address looks the same; an address learns of itself by mail."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from sim.services.chassis.service import Call, Reply, Row, Transaction
from sim.services.contract.problem import Problem
from sim.services.newsletters import mails, templates
from sim.services.newsletters.api import (
    Invitation,
    NewSubscriber,
    Subscriber,
    SubscriberQuery,
    Subscribers,
    Subscription,
)
from sim.services.newsletters.builtin import CONFIRM_SUBSCRIPTION

INVITE_AGAIN_AFTER_S: Final = 600
"""Nobody's mailbox is filled by asking over and over."""
_INVITED: Final = Invitation("If the address can subscribe, an e-mail to it holds what is needed to confirm.")


def subscribe(call: Call) -> Reply:
    form: NewSubscriber = call.body
    with call.context.transaction() as tx:
        _invite(tx, form, form.email.lower())
        return tx.answer(_INVITED)


def confirm(call: Call) -> Reply:
    with call.context.transaction() as tx:
        row = tx.row("SELECT number, state FROM subscribers WHERE confirm_token = %s FOR UPDATE", call.body.token)
        if row is None or row["state"] == "unsubscribed":
            raise _unknown_token()
        tx.execute("UPDATE subscribers SET state = 'confirmed' WHERE number = %s", row["number"])
        return tx.answer(Subscription("confirmed"))


def unsubscribe(call: Call) -> Reply:
    with call.context.transaction() as tx:
        row = tx.row("SELECT number FROM subscribers WHERE unsubscribe_token = %s FOR UPDATE", call.body.token)
        if row is None:
            raise _unknown_token()
        tx.execute("UPDATE subscribers SET state = 'unsubscribed' WHERE number = %s", row["number"])
        return tx.answer(Subscription("unsubscribed"))


def page(call: Call) -> Subscribers:
    query: SubscriberQuery = call.query
    conditions: dict[str, Any] = {
        "state = %s": query.state,
        "email = %s": query.email and query.email.lower(),
        "number < %s": None if query.after is None else int(query.after),
    }
    given = {clause: value for clause, value in conditions.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    select = (
        "SELECT s.*, (SELECT GROUP_CONCAT(t.topic ORDER BY t.topic) FROM subscriber_topics t"  # noqa: S608 - fixed clauses
        f" WHERE t.subscriber = s.number) AS topics FROM subscribers s{where} ORDER BY number DESC LIMIT %s"
    )
    with call.context.transaction() as tx:
        rows = tx.rows(select, *given.values(), query.limit + 1)
    following = str(rows[query.limit - 1]["number"]) if len(rows) > query.limit else None
    return Subscribers(tuple(map(_subscriber, rows[: query.limit])), following)


def _invite(tx: Transaction, form: NewSubscriber, email: str) -> None:
    """Nothing happens for who is subscribed, or was invited a moment ago."""
    token = secrets.token_urlsafe(32)
    subscriber_id = str(uuid.uuid4())
    tx.execute(
        "INSERT INTO subscribers (subscriber_id, email, name, locale, confirm_token, unsubscribe_token)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE subscriber_id = subscribers.subscriber_id",
        subscriber_id,
        email,
        form.name,
        form.locale,
        token,
        secrets.token_urlsafe(32),
    )
    row = tx.row(
        "SELECT *, invited_at < UTC_TIMESTAMP(6) - INTERVAL %s SECOND AS long_ago"
        " FROM subscribers WHERE email = %s FOR UPDATE",
        INVITE_AGAIN_AFTER_S,
        email,
    )
    if row is None or not _to_invite(row, subscriber_id):
        return
    tx.execute(
        "UPDATE subscribers SET state = 'pending', name = %s, locale = %s, confirm_token = %s,"
        " invited_at = UTC_TIMESTAMP(6) WHERE number = %s",
        form.name,
        form.locale,
        token,
        row["number"],
    )
    tx.execute("DELETE FROM subscriber_topics WHERE subscriber = %s", row["number"])
    for topic in frozenset(form.topics):
        tx.execute("INSERT INTO subscriber_topics (subscriber, topic) VALUES (%s, %s)", row["number"], topic)
    template = templates.latest(tx, CONFIRM_SUBSCRIPTION)
    mails.write(
        tx,
        template,
        email=email,
        reference=row["subscriber_id"],
        variables={"name": form.name, "token": token},
        part=token,
    )


def _to_invite(row: Row, new_subscriber_id: str) -> bool:
    if row["subscriber_id"] == new_subscriber_id:
        return True
    return row["state"] != "confirmed" and bool(row["long_ago"])


def _unknown_token() -> Problem:
    return Problem(404, "This token opens nothing: it is wrong, or a newer e-mail has taken its place.")


def _subscriber(row: Row) -> Subscriber:
    created_at: datetime = row["created_at"]
    return Subscriber(
        subscriber_id=row["subscriber_id"],
        email=row["email"],
        name=row["name"],
        locale=row["locale"],
        topics=tuple(row["topics"].split(",")) if row["topics"] else (),
        state=row["state"],
        created_at=created_at.replace(tzinfo=UTC),
    )
