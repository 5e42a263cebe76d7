"""Contacts as the chassis runs it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from sim.services.chassis.service import Call, Reply, Row, Service, Transaction
from sim.services.contacts import api
from sim.services.contacts.api import Form, FormPage, Receipt
from sim.services.contract.events import NotificationRequested, TicketRequested
from sim.services.contract.problem import not_found

TEMPLATE: Final = "contact-received"


def send(call: Call) -> Reply | Receipt:
    form, now = call.body, datetime.now(UTC)
    receipt = Receipt(form_id=str(uuid.uuid4()), topic=form.topic, state="open", created_at=now)
    if form.website:
        call.context.log("info", "a robot's contact form was thrown away", topic=form.topic)
        return receipt
    email = form.email.lower()
    with call.context.transaction() as tx:
        tx.execute(
            "INSERT INTO forms (id, name, email, topic, subject, message, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            receipt.form_id,
            form.name,
            email,
            form.topic,
            form.subject,
            form.message,
            now,
            now,
        )
        tx.emit(
            "notification.contact",
            NotificationRequested(
                email=email,
                template=TEMPLATE,
                reference=receipt.form_id,
                variables={"name": form.name, "subject": form.subject},
            ),
        )
        if form.topic == "support":
            tx.emit("ticket.requested", TicketRequested(receipt.form_id, email, form.subject, form.message))
        return tx.answer(receipt)


def list_forms(call: Call) -> FormPage:
    query = call.query
    conditions, values = ["TRUE"], []
    for column, value in (("topic = %s", query.topic), ("state = %s", query.state), ("number < %s", query.after)):
        if value:
            conditions.append(column)
            values.append(value)
    with call.context.transaction() as tx:
        rows = tx.rows(
            f"SELECT * FROM forms WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT %s",  # noqa: S608 - the conditions are the literals above
            *values,
            query.limit + 1,
        )
    items = rows[: query.limit]
    return FormPage(tuple(_form(row) for row in items), str(items[-1]["number"]) if len(rows) > query.limit else None)


def show(call: Call) -> Form:
    with call.context.transaction() as tx:
        return _existing(tx, call.path["form_id"])


def change(call: Call) -> Reply:
    form_id = call.path["form_id"]
    with call.context.transaction() as tx:
        tx.execute(
            "UPDATE forms SET state = %s, updated_at = %s WHERE id = %s", call.body.state, datetime.now(UTC), form_id
        )
        return tx.answer(_existing(tx, form_id))


def _existing(tx: Transaction, form_id: str) -> Form:
    row = tx.row("SELECT * FROM forms WHERE id = %s", form_id)
    if row is None:
        raise not_found("This form")
    return _form(row)


def _form(row: Row) -> Form:
    return Form(
        form_id=row["id"],
        name=row["name"],
        email=row["email"],
        topic=row["topic"],
        subject=row["subject"],
        message=row["message"],
        state=row["state"],
        created_at=row["created_at"].replace(tzinfo=UTC),
        updated_at=row["updated_at"].replace(tzinfo=UTC),
    )


SERVICE: Final = Service(
    key="contacts",
    routes=api.ROUTES,
    handlers={
        api.SEND.name: send,
        api.LIST.name: list_forms,
        api.SHOW.name: show,
        api.CHANGE.name: change,
    },
    migrations="sim.services.contacts.migrations",
)
