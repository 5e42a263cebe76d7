"""Routes and bodies of support tickets, below ``/api/sav``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.services.contract.route import SIGNED_IN, Route
from sim.services.contract.shop import Identifier
from sim.services.contract.text import END, SINGLE_LINE, Email

MANAGE: Final = "tickets.manage"
LARGEST_ATTACHMENT_BYTES: Final = 10 * 1024 * 1024
MOST_ATTACHMENTS: Final = 20

State = Literal["open", "pending", "resolved", "closed"]
"""``pending`` waits for the customer, ``open`` for us; ``closed`` is the end."""
ContentType = Literal["application/pdf", "image/jpeg", "image/png", "image/webp", "text/plain"]
Subject = Annotated[str, Meta(pattern=SINGLE_LINE, max_length=200)]
Text = Annotated[str, Meta(pattern=r"\S", max_length=10_000)]
FileName = Annotated[
    str,
    Meta(pattern=r"^[^\s./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*" + END, max_length=200, description="without a path"),
]


class NewTicket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``order_id`` is the order it is about, if it is about one."""

    subject: Subject
    message: Text
    order_id: Identifier | None = None


class NewMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    message: Text


class TicketChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``assignee`` is the user id of who sees to it, null for nobody."""

    state: State | UnsetType = UNSET
    assignee: Identifier | UnsetType | None = UNSET


class TicketQuery(msgspec.Struct, frozen=True):
    """``after`` is the ``next`` of the page before. ``assignee`` and ``email`` are for those who manage tickets."""

    state: State | None = None
    order_id: Identifier | None = None
    assignee: Identifier | None = None
    email: Email | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}$")] | None = None


class Message(msgspec.Struct, frozen=True):
    message_id: str
    author: Literal["customer", "staff"]
    message: str
    created_at: datetime


class Attachment(msgspec.Struct, frozen=True):
    """``stored`` once its upload was completed; only then can it be fetched."""

    attachment_id: str
    file_name: str
    content_type: str
    size_bytes: int
    stored: bool
    created_at: datetime


class TicketSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``user_id`` is null for a ticket that a contact form opened."""

    ticket_id: str
    subject: str
    state: State
    email: str
    user_id: str | None
    order_id: str | None
    assignee: str | None
    created_at: datetime
    updated_at: datetime


class Ticket(TicketSummary, frozen=True, kw_only=True):
    """Messages and attachments oldest first."""

    messages: tuple[Message, ...]
    attachments: tuple[Attachment, ...]


class Tickets(msgspec.Struct, frozen=True):
    """Newest first."""

    items: tuple[TicketSummary, ...]
    next: str | None


class NewAttachment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    file_name: FileName
    content_type: ContentType
    size_bytes: Annotated[int, Meta(ge=1, le=LARGEST_ATTACHMENT_BYTES)]


class Upload(msgspec.Struct, frozen=True):
    """PUT the file to ``url`` before ``expires_at``, with its content type, then complete the attachment."""

    attachment: Attachment
    method: Literal["PUT"]
    url: str
    expires_at: datetime


class Download(msgspec.Struct, frozen=True):
    """GET ``url`` before ``expires_at``."""

    attachment: Attachment
    url: str
    expires_at: datetime


ROUTES: Final = (
    Route(
        "sav.list",
        "GET",
        "",
        "The caller's tickets; every ticket for those who manage them",
        SIGNED_IN,
        answers=Tickets,
        query=TicketQuery,
    ),
    Route("sav.create", "POST", "", "Open a ticket", SIGNED_IN, takes=NewTicket, answers=Ticket, status=201),
    Route(
        "sav.show",
        "GET",
        "/{ticket_id}",
        "One ticket with its messages and attachments; somebody else's does not exist",
        SIGNED_IN,
        answers=Ticket,
        problems=(404,),
    ),
    Route(
        "sav.change",
        "PATCH",
        "/{ticket_id}",
        "Move a ticket along or give it to somebody; 409 where its state does not lead there",
        MANAGE,
        takes=TicketChanges,
        answers=Ticket,
        problems=(404, 409),
    ),
    Route(
        "sav.write",
        "POST",
        "/{ticket_id}/messages",
        "Write on a ticket: a customer's message opens it again, an answer waits for the customer; 409 once closed",
        SIGNED_IN,
        takes=NewMessage,
        answers=Message,
        status=201,
        problems=(404, 409),
    ),
    Route(
        "sav.attach",
        "POST",
        "/{ticket_id}/attachments",
        "Announce a file and get the URL to upload it to; 409 once closed or with too many",
        SIGNED_IN,
        takes=NewAttachment,
        answers=Upload,
        status=201,
        problems=(404, 409),
    ),
    Route(
        "sav.complete",
        "POST",
        "/{ticket_id}/attachments/{attachment_id}/complete",
        "Say that the upload is done; 409 while the file is not there with the size announced",
        SIGNED_IN,
        answers=Attachment,
        problems=(404, 409),
    ),
    Route(
        "sav.fetch",
        "GET",
        "/{ticket_id}/attachments/{attachment_id}",
        "A URL to fetch a stored attachment from, good for a few minutes; 409 before its upload is completed",
        SIGNED_IN,
        answers=Download,
        problems=(404, 409),
    ),
)
