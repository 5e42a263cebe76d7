"""Support tickets in memory: messages, and attachments that go to the private bucket by pre-signed URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from sim.runtime.fake.shop.model import Call, Handler, Hearing, Shelves, page
from sim.services.contract.events import NotificationRequested, TicketRequested
from sim.services.contract.problem import Problem, not_found
from sim.services.sav import api

SERVICE = "sav"
_NEXT = {
    "open": {"pending", "resolved", "closed"},
    "pending": {"open", "resolved", "closed"},
    "resolved": {"open", "closed"},
    "closed": set(),
}


@dataclass(slots=True)
class Desk:
    """``sign`` makes a pre-signed URL of (method, key); ``stored_bytes`` how much is there; both raise Problem 503."""

    sign: Callable[[str, str], str]
    stored_bytes: Callable[[str], int | None]

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "sav.list": _list,
            "sav.create": _create,
            "sav.show": _ticket,
            "sav.change": _change,
            "sav.write": _write,
            "sav.attach": self._attach,
            "sav.complete": self._complete,
            "sav.fetch": self._fetch,
        }

    def _attach(self, call: Call) -> api.Upload:
        ticket, body = _ticket(call), call.body
        if ticket.state == "closed":
            raise Problem(409, "This ticket is closed.")
        attachment = api.Attachment(
            call.shop.new_id(),
            body.file_name,
            body.content_type,
            body.size_bytes,
            stored=False,
            created_at=call.shop.calendar(),
        )
        url = self.sign("PUT", _key(ticket, attachment))
        _keep(call.shop, msgspec.structs.replace(ticket, attachments=(*ticket.attachments, attachment)))
        return api.Upload(attachment, "PUT", url, call.shop.calendar(300))

    def _complete(self, call: Call) -> api.Attachment:
        ticket = _ticket(call)
        attachment = _attachment(call, ticket)
        if self.stored_bytes(_key(ticket, attachment)) != attachment.size_bytes:
            raise Problem(409, "The file is not there with the size announced.")
        stored = msgspec.structs.replace(attachment, stored=True)
        others = tuple(stored if a is attachment else a for a in ticket.attachments)
        _keep(call.shop, msgspec.structs.replace(ticket, attachments=others))
        return stored

    def _fetch(self, call: Call) -> api.Download:
        ticket = _ticket(call)
        attachment = _attachment(call, ticket)
        if not attachment.stored:
            raise Problem(409, "Its upload is not completed.")
        return api.Download(attachment, self.sign("GET", _key(ticket, attachment)), call.shop.calendar(300))


def hearings() -> Mapping[tuple[str, str], Hearing]:
    return {(SERVICE, "ticket.requested"): _from_form}


def _key(ticket: api.Ticket, attachment: api.Attachment) -> str:
    return f"tickets/{ticket.ticket_id}/{attachment.attachment_id}"


def _keep(shelves: Shelves, ticket: api.Ticket) -> api.Ticket:
    shelves.books[SERVICE].table("tickets")[ticket.ticket_id] = ticket
    return ticket


def _opened(shelves: Shelves, **given: Any) -> api.Ticket:
    now = shelves.calendar()
    message = api.Message(shelves.new_id(), "customer", given.pop("message"), now)
    return _keep(
        shelves,
        api.Ticket(
            ticket_id=shelves.new_id(),
            state="open",
            assignee=None,
            created_at=now,
            updated_at=now,
            messages=(message,),
            attachments=(),
            **given,
        ),
    )


def _from_form(shelves: Shelves, asked: TicketRequested, _trace_id: str) -> None:
    _opened(shelves, subject=asked.subject, message=asked.message, email=asked.email, user_id=None, order_id=None)


def _create(call: Call) -> api.Ticket:
    body: api.NewTicket = call.body
    ticket = _opened(
        call.shop,
        subject=body.subject,
        message=body.message,
        email=call.caller.email,
        user_id=call.caller.user_id,
        order_id=body.order_id,
    )
    call.emit("notification.ticket", NotificationRequested(ticket.email, "ticket-opened", ticket.ticket_id, {}))
    return ticket


def _ticket(call: Call) -> api.Ticket:
    """Somebody else's does not exist."""
    found: api.Ticket | None = call.rows("tickets").get(call.path["ticket_id"])
    may = found is not None and (found.user_id == call.caller.user_id or call.caller.may(api.MANAGE))
    if found is None or not may:
        raise not_found("This ticket")
    return found


def _attachment(call: Call, ticket: api.Ticket) -> api.Attachment:
    for attachment in ticket.attachments:
        if attachment.attachment_id == call.path["attachment_id"]:
            return attachment
    raise not_found("This attachment")


def _list(call: Call) -> api.Tickets:
    query, everybody = call.query, call.caller.may(api.MANAGE)
    kept = [
        api.TicketSummary(**{name: getattr(t, name) for name in api.TicketSummary.__struct_fields__})
        for t in reversed(call.rows("tickets").values())
        if (everybody or t.user_id == call.caller.user_id)
        and query.state in {None, t.state}
        and query.order_id in {None, t.order_id}
        and query.email in {None, t.email}
    ]
    return api.Tickets(*page(kept, query.limit, query.after))


def _change(call: Call) -> api.Ticket:
    ticket, wanted = _ticket(call), call.body.state
    if wanted is not msgspec.UNSET and wanted != ticket.state and wanted not in _NEXT[ticket.state]:
        raise Problem(409, f"A ticket that is {ticket.state} cannot become {wanted}.")
    changes = {n: v for n in ("state", "assignee") if (v := getattr(call.body, n)) is not msgspec.UNSET}
    return _keep(call.shop, msgspec.structs.replace(ticket, **changes))


def _write(call: Call) -> api.Message:
    ticket = _ticket(call)
    if ticket.state == "closed":
        raise Problem(409, "This ticket is closed.")
    own = ticket.user_id == call.caller.user_id
    author: Literal["customer", "staff"] = "customer" if own else "staff"
    message = api.Message(call.shop.new_id(), author, call.body.message, call.shop.calendar())
    state: api.State = "open" if own else "pending"
    _keep(call.shop, msgspec.structs.replace(ticket, messages=(*ticket.messages, message), state=state))
    return message
