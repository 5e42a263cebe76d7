"""Tickets and their messages in MySQL. Whatever changes a ticket locks its row first."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import UNSET

from sim.services.chassis.service import Row, Transaction
from sim.services.contract.access import Identity
from sim.services.contract.problem import Problem, not_found
from sim.services.sav import states
from sim.services.sav.api import MANAGE, Attachment, Message, NewTicket, Ticket, TicketChanges, TicketQuery
from sim.services.sav.api import TicketSummary as Summary

_IDENTIFIER: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_MORE: Final = "This ticket is closed: open a new one."


def open_for_customer(tx: Transaction, caller: Identity, form: NewTicket) -> str:
    """The new ticket's id."""
    ticket_id = str(uuid.uuid4())
    tx.execute(
        "INSERT INTO tickets (ticket_id, user_id, order_id, email, subject) VALUES (%s, %s, %s, %s, %s)",
        ticket_id,
        caller.user_id,
        form.order_id,
        caller.email.lower(),
        form.subject,
    )
    _write(tx, ticket_id, "customer", caller.user_id, form.message)
    return ticket_id


def open_for_form(tx: Transaction, form_id: str, email: str, subject: str, message: str) -> str | None:
    """The new ticket's id; None when the form has opened one already."""
    ticket_id = str(uuid.uuid4())
    tx.execute(
        "INSERT INTO tickets (ticket_id, form_id, email, subject) VALUES (%s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE form_id = form_id",
        ticket_id,
        form_id,
        email,
        subject,
    )
    opened = tx.row("SELECT ticket_id FROM tickets WHERE form_id = %s", form_id)
    if opened is None or opened["ticket_id"] != ticket_id:
        return None
    _write(tx, ticket_id, "customer", None, message)
    return ticket_id


def find(tx: Transaction, caller: Identity, ticket_id: str, *, to_change: bool = False) -> Row:
    """The ticket's row. Raises Problem 404 for one that is not there, or somebody else's: nobody learns which.

    ``to_change`` locks it and reads what is committed now.
    """
    row = None
    if _IDENTIFIER.fullmatch(ticket_id):
        locking = " FOR UPDATE" if to_change else ""
        row = tx.row(f"SELECT * FROM tickets WHERE ticket_id = %s{locking}", ticket_id)  # noqa: S608 - fixed text
    if row is None or not (caller.may(MANAGE) or row["user_id"] == caller.user_id):
        raise not_found("This ticket")
    return row


def page(tx: Transaction, caller: Identity, query: TicketQuery) -> tuple[tuple[Summary, ...], str | None]:
    """Newest first, and where the next page begins."""
    conditions: dict[str, Any] = {"state = %s": query.state, "order_id = %s": query.order_id}
    if caller.may(MANAGE):
        conditions |= {"assignee = %s": query.assignee, "email = %s": query.email and query.email.lower()}
    else:
        conditions["user_id = %s"] = caller.user_id
    conditions["number < %s"] = None if query.after is None else int(query.after)
    given = {clause: value for clause, value in conditions.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    select = f"SELECT * FROM tickets{where} ORDER BY number DESC LIMIT %s"  # noqa: S608 - fixed clauses
    rows = tx.rows(select, *given.values(), query.limit + 1)
    following = str(rows[query.limit - 1]["number"]) if len(rows) > query.limit else None
    return tuple(Summary(**_fields(row)) for row in rows[: query.limit]), following


def whole(tx: Transaction, ticket: Row) -> Ticket:
    number = ticket["number"]
    messages = tx.rows("SELECT * FROM messages WHERE ticket = %s ORDER BY number", number)
    attachments = tx.rows("SELECT * FROM attachments WHERE ticket = %s ORDER BY number", number)
    return Ticket(
        **_fields(ticket), messages=tuple(map(_message, messages)), attachments=tuple(map(attachment_of, attachments))
    )


def write(tx: Transaction, ticket: Row, author: states.Author, author_id: str, message: str) -> Message:
    """On a locked ticket. Raises Problem 409 once it is closed."""
    state = states.after_message(ticket["state"], author)
    if state is None:
        raise Problem(409, _NOT_MORE)
    message_id = _write(tx, ticket["ticket_id"], author, author_id, message)
    tx.execute(
        "UPDATE tickets SET state = %s, updated_at = UTC_TIMESTAMP(6) WHERE number = %s", state, ticket["number"]
    )
    row = tx.row("SELECT * FROM messages WHERE message_id = %s", message_id)
    if row is None:
        raise not_found("This message")
    return _message(row)


def change(tx: Transaction, ticket: Row, changes: TicketChanges) -> None:
    """On a locked ticket. Raises Problem 409 where its state does not lead to the one wanted."""
    state = ticket["state"] if changes.state is UNSET else changes.state
    assignee = ticket["assignee"] if changes.assignee is UNSET else changes.assignee
    if not states.may_become(ticket["state"], state):
        leads = ", ".join(states.LEADS_TO[ticket["state"]]) or "nothing"
        raise Problem(409, f"A ticket that is {ticket['state']} leads to {leads}, not to {state}.")
    tx.execute(
        "UPDATE tickets SET state = %s, assignee = %s, updated_at = UTC_TIMESTAMP(6) WHERE number = %s",
        state,
        assignee,
        ticket["number"],
    )


def utc(moment: datetime) -> datetime:
    """MySQL's DATETIME knows no zone; ours are UTC."""
    return moment.replace(tzinfo=UTC)


def attachment_of(row: Row) -> Attachment:
    return Attachment(
        attachment_id=row["attachment_id"],
        file_name=row["file_name"],
        content_type=row["content_type"],
        size_bytes=row["size_bytes"],
        stored=row["stored_at"] is not None,
        created_at=utc(row["created_at"]),
    )


def _write(tx: Transaction, ticket_id: str, author: states.Author, author_id: str | None, message: str) -> str:
    message_id = str(uuid.uuid4())
    tx.execute(
        "INSERT INTO messages (message_id, ticket, author, author_id, message)"
        " SELECT %s, number, %s, %s, %s FROM tickets WHERE ticket_id = %s",
        message_id,
        author,
        author_id,
        message,
        ticket_id,
    )
    return message_id


def _message(row: Row) -> Message:
    return Message(row["message_id"], row["author"], row["message"], utc(row["created_at"]))


def _fields(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = {name: row[name] for name in Summary.__struct_fields__}
    return fields | {name: utc(row[name]) for name in ("created_at", "updated_at")}
