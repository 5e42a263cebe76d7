"""Attachments: announced here, uploaded to and fetched from the private bucket by pre-signed URLs."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from sim.services.chassis.service import Bucket, Call, Reply, Row, Transaction
from sim.services.contract.problem import Problem, not_found
from sim.services.sav import tickets
from sim.services.sav.api import MOST_ATTACHMENTS, Attachment, Download, NewAttachment, Upload

UPLOAD_WITHIN_S: Final = 900
FETCH_WITHIN_S: Final = 300
_IDENTIFIER: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def attach(call: Call) -> Reply:
    form: NewAttachment = call.body
    ticket_id, attachment_id = call.path["ticket_id"], str(uuid.uuid4())
    with call.context.transaction() as tx:
        tickets.find(tx, call.caller, ticket_id)
    # Asked outside the transaction: a store that is slow to answer holds no lock.
    url, expires_at = _upload_url(call.context.bucket, object_key(ticket_id, attachment_id))
    with call.context.transaction() as tx:
        ticket = tickets.find(tx, call.caller, ticket_id, to_change=True)
        _check_room(tx, ticket)
        tx.execute(
            "INSERT INTO attachments (attachment_id, ticket, author_id, file_name, content_type, size_bytes)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            attachment_id,
            ticket["number"],
            call.caller.user_id,
            form.file_name,
            form.content_type,
            form.size_bytes,
        )
        attachment = tickets.attachment_of(_find(tx, ticket, attachment_id))
        return tx.answer(Upload(attachment, "PUT", url, expires_at), 201)


def complete(call: Call) -> Reply:
    ticket_id, attachment_id = call.path["ticket_id"], call.path["attachment_id"]
    with call.context.transaction() as tx:
        announced = _find(tx, tickets.find(tx, call.caller, ticket_id), attachment_id)
    found_bytes = call.context.bucket.size_bytes(object_key(ticket_id, attachment_id))
    if found_bytes is None:
        raise Problem(409, "The file has not been uploaded yet.")
    if found_bytes != announced["size_bytes"]:
        raise Problem(
            409, f"The file has {found_bytes} bytes, announced were {announced['size_bytes']}: upload it again."
        )
    with call.context.transaction() as tx:
        tx.execute(
            "UPDATE attachments SET stored_at = COALESCE(stored_at, UTC_TIMESTAMP(6)) WHERE attachment_id = %s",
            attachment_id,
        )
        return tx.answer(tickets.attachment_of(_find(tx, tickets.find(tx, call.caller, ticket_id), attachment_id)))


def fetch(call: Call) -> Download:
    ticket_id, attachment_id = call.path["ticket_id"], call.path["attachment_id"]
    with call.context.transaction() as tx:
        attachment: Attachment = tickets.attachment_of(
            _find(tx, tickets.find(tx, call.caller, ticket_id), attachment_id)
        )
    if not attachment.stored:
        raise Problem(409, "The file has not been uploaded yet.")
    bucket, key = call.context.bucket, object_key(ticket_id, attachment_id)
    if bucket.size_bytes(key) is None:
        raise not_found("This attachment's file")
    expires_at = datetime.now(UTC) + timedelta(seconds=FETCH_WITHIN_S)
    return Download(attachment, bucket.presigned_get(key, FETCH_WITHIN_S), expires_at)


def object_key(ticket_id: str, attachment_id: str) -> str:
    """Nothing of the file's own name: that is what a customer typed."""
    return f"{ticket_id}/{attachment_id}"


def _upload_url(bucket: Bucket, key: str) -> tuple[str, datetime]:
    # Signing needs no server; a URL that leads nowhere is not given away.
    bucket.size_bytes(key)
    expires_at = datetime.now(UTC) + timedelta(seconds=UPLOAD_WITHIN_S)
    return bucket.presigned_put(key, UPLOAD_WITHIN_S), expires_at


def _check_room(tx: Transaction, ticket: Row) -> None:
    if ticket["state"] == "closed":
        raise Problem(409, "This ticket is closed: open a new one.")
    row = tx.row("SELECT COUNT(*) AS announced FROM attachments WHERE ticket = %s", ticket["number"])
    if row is not None and row["announced"] >= MOST_ATTACHMENTS:
        raise Problem(409, f"A ticket takes {MOST_ATTACHMENTS} attachments.")


def _find(tx: Transaction, ticket: Row, attachment_id: str) -> Row:
    row = None
    if _IDENTIFIER.fullmatch(attachment_id):
        row = tx.row(
            "SELECT * FROM attachments WHERE attachment_id = %s AND ticket = %s", attachment_id, ticket["number"]
        )
    if row is None:
        raise not_found("This attachment")
    return row
