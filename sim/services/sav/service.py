"""Support as a service: customers open tickets, or a contact form does; staff answers, and mails are asked for."""

from __future__ import annotations

from typing import Final

from sim.services.chassis.service import Call, Event, Reply, Service, Transaction
from sim.services.contract.events import NotificationRequested, TicketRequested
from sim.services.sav import attachments, tickets
from sim.services.sav.api import MANAGE, ROUTES, Ticket, Tickets


def _list(call: Call) -> Tickets:
    with call.context.transaction() as tx:
        return Tickets(*tickets.page(tx, call.caller, call.query))


def _create(call: Call) -> Reply:
    with call.context.transaction() as tx:
        ticket_id = tickets.open_for_customer(tx, call.caller, call.body)
        _received(tx, ticket_id, call.caller.email.lower(), call.body.subject)
        return tx.answer(tickets.whole(tx, tickets.find(tx, call.caller, ticket_id)), 201)


def _show(call: Call) -> Ticket:
    with call.context.transaction() as tx:
        return tickets.whole(tx, tickets.find(tx, call.caller, call.path["ticket_id"]))


def _change(call: Call) -> Reply:
    ticket_id = call.path["ticket_id"]
    with call.context.transaction() as tx:
        tickets.change(tx, tickets.find(tx, call.caller, ticket_id, to_change=True), call.body)
        return tx.answer(tickets.whole(tx, tickets.find(tx, call.caller, ticket_id)))


def _write(call: Call) -> Reply:
    caller, text = call.caller, call.body.message
    with call.context.transaction() as tx:
        ticket = tickets.find(tx, caller, call.path["ticket_id"], to_change=True)
        # Who manages tickets may have one of their own: there they are the customer.
        staff = caller.may(MANAGE) and ticket["user_id"] != caller.user_id
        message = tickets.write(tx, ticket, "staff" if staff else "customer", caller.user_id, text)
        if staff:
            said = {"ticket_id": ticket["ticket_id"], "subject": ticket["subject"], "message": text}
            _notify(tx, ticket["email"], "ticket-answered", said | {"message_id": message.message_id})
        return tx.answer(message, 201)


def _requested(event: Event, tx: Transaction) -> None:
    form: TicketRequested = event.payload
    ticket_id = tickets.open_for_form(tx, form.form_id, form.email.lower(), form.subject, form.message)
    if ticket_id is not None:
        _received(tx, ticket_id, form.email.lower(), form.subject)


def _received(tx: Transaction, ticket_id: str, email: str, subject: str) -> None:
    _notify(tx, email, "ticket-received", {"ticket_id": ticket_id, "subject": subject})


def _notify(tx: Transaction, email: str, template: str, variables: dict[str, str]) -> None:
    tx.emit("notification.ticket", NotificationRequested(email, template, variables["ticket_id"], variables))


SERVICE: Final = Service(
    key="sav",
    routes=ROUTES,
    handlers={
        "sav.list": _list,
        "sav.create": _create,
        "sav.show": _show,
        "sav.change": _change,
        "sav.write": _write,
        "sav.attach": attachments.attach,
        "sav.complete": attachments.complete,
        "sav.fetch": attachments.fetch,
    },
    events={"ticket.requested": _requested},
    migrations="sim.services.sav.migrations",
    uses_bucket=True,
)
