"""The mails written: each once, rendered with the template version of its day."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from sim.services.chassis.service import Call, Event, Row, Transaction
from sim.services.contract.events import NotificationRequested, NotificationSent, SiteChanged, UserRegistered
from sim.services.newsletters import placeholders, templates
from sim.services.newsletters.api import Mail, MailQuery, Mails
from sim.services.newsletters.builtin import WELCOME

_DEFAULT_SITE: Final = "main"
_NO_SITE_YET: Final = "e-commerce"
_LONGEST_SUBJECT: Final = 990  # what one line of a mail may hold
_PAGE: Final = (
    "SELECT m.*, v.html AS template_html FROM messages m"
    " JOIN template_versions v ON v.name = m.template AND v.version = m.template_version"
)


def write(
    tx: Transaction, template: Row, *, email: str, reference: str, variables: Mapping[str, str], part: str = ""
) -> bool:
    """Whether the mail was written: not when there is one of this kind about this to this address already."""
    sender = _sender(tx)
    values = {**variables, "email": email, "reference": reference, "sender": sender}
    written = tx.execute(
        "INSERT INTO messages"
        " (message_id, reference, template, template_version, email, part, sender, subject, text, variables)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE message_id = messages.message_id",
        str(uuid.uuid4()),
        reference,
        template["name"],
        template["version"],
        email,
        part,
        sender,
        placeholders.filled_line(template["subject"], values)[:_LONGEST_SUBJECT],
        placeholders.filled(template["text"], values),
        msgspec.json.encode(values).decode(),
    )
    return written == 1


def requested(event: Event, tx: Transaction) -> None:
    """A notification. A template nobody has made yet is a dead letter, to be requeued once it is there."""
    asked: NotificationRequested = event.payload
    written = write(
        tx,
        templates.latest(tx, asked.template),
        email=asked.email.lower(),
        reference=asked.reference,
        variables=asked.variables,
        # A ticket is answered more than once: each answer has an id of its own.
        part=asked.variables.get("message_id", ""),
    )
    if written:
        tx.emit("notification.sent", NotificationSent(asked.template, asked.reference))


def welcome(event: Event, tx: Transaction) -> None:
    user: UserRegistered = event.payload
    template = templates.latest(tx, WELCOME)
    write(tx, template, email=user.email.lower(), reference=user.user_id, variables={"name": user.name})


def name_site(event: Event, tx: Transaction) -> None:
    """Broadcasts may arrive out of order: the latest one said counts."""
    site: SiteChanged = event.payload
    tx.execute(
        "INSERT INTO sites (site, name, said_at) VALUES (%s, %s, %s) ON DUPLICATE KEY UPDATE"
        " name = IF(VALUES(said_at) >= said_at, VALUES(name), name), said_at = GREATEST(said_at, VALUES(said_at))",
        site.site,
        site.name,
        event.published_at_s,
    )


def page(call: Call) -> Mails:
    query: MailQuery = call.query
    conditions: dict[str, Any] = {
        "m.email = %s": query.email and query.email.lower(),
        "m.reference = %s": query.reference,
        "m.template = %s": query.template,
        "m.number < %s": None if query.after is None else int(query.after),
    }
    given = {clause: value for clause, value in conditions.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    with call.context.transaction() as tx:
        rows = tx.rows(f"{_PAGE}{where} ORDER BY m.number DESC LIMIT %s", *given.values(), query.limit + 1)
    following = str(rows[query.limit - 1]["number"]) if len(rows) > query.limit else None
    return Mails(tuple(map(_mail, rows[: query.limit])), following)


def _sender(tx: Transaction) -> str:
    row = tx.row("SELECT name FROM sites ORDER BY site = %s DESC, site LIMIT 1", _DEFAULT_SITE)
    return str(row["name"]) if row else _NO_SITE_YET


def _mail(row: Row) -> Mail:
    created_at: datetime = row["created_at"]
    values = msgspec.json.decode(row["variables"], type=dict[str, str])
    return Mail(
        message_id=row["message_id"],
        reference=row["reference"],
        template=row["template"],
        template_version=row["template_version"],
        sender=row["sender"],
        email=row["email"],
        subject=row["subject"],
        text=row["text"],
        html=placeholders.filled_html(row["template_html"], values),
        created_at=created_at.replace(tzinfo=UTC),
    )
