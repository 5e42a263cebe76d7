"""Campaigns: one mail to each confirmed subscriber of a segment, written in batches that any replica may take up."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sim.services.chassis.service import Call, Context, Reply, Row, Transaction
from sim.services.contract.problem import Problem, not_found
from sim.services.newsletters import mails, templates
from sim.services.newsletters.api import Campaign, NewCampaign, Segment

BATCH: Final = 100
_BATCHES_AT_A_TIME: Final = 20
VARIABLES: Final = frozenset({"email", "name", "reference", "sender", "unsubscribe_token"})
"""What is known of every subscriber."""
_IDENTIFIER: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def create(call: Call) -> Reply:
    form: NewCampaign = call.body
    campaign_id = str(uuid.uuid4())
    with call.context.transaction() as tx:
        template = tx.row("SELECT name FROM templates WHERE name = %s", form.template)
        if template is None:
            raise Problem(422, f"There is no template {form.template}.")
        _check_variables(templates.latest(tx, form.template))
        tx.execute(
            "INSERT INTO campaigns (campaign_id, template, topic, locale) VALUES (%s, %s, %s, %s)",
            campaign_id,
            form.template,
            form.segment.topic,
            form.segment.locale,
        )
        return tx.answer(_campaign(tx, _find(tx, campaign_id)), 201)


def show(call: Call) -> Campaign:
    with call.context.transaction() as tx:
        return _campaign(tx, _find(tx, call.path["campaign_id"]))


def send(call: Call) -> Reply:
    with call.context.transaction() as tx:
        row = _find(tx, call.path["campaign_id"], to_change=True)
        if row["state"] == "draft":
            template = templates.latest(tx, row["template"])
            _check_variables(template)
            counted = _counted(tx, row)
            tx.execute(
                "UPDATE campaigns SET state = 'sending', template_version = %s, last_subscriber = %s, recipients = %s"
                " WHERE number = %s",
                template["version"],
                counted["last_subscriber"],
                counted["recipients"],
                row["number"],
            )
        return tx.answer(_campaign(tx, _find(tx, row["campaign_id"])), 202)


def write_mails(context: Context) -> None:
    """Some batches of what is being sent, each in a transaction of its own."""
    for _ in range(_BATCHES_AT_A_TIME):
        with context.transaction() as tx:
            row = tx.row(
                "SELECT * FROM campaigns WHERE state = 'sending' ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED"
            )
            if row is None:
                return
            _write_batch(tx, row)


def _write_batch(tx: Transaction, campaign: Row) -> None:
    clause, values = _segment(campaign)
    recipients = tx.rows(
        "SELECT s.number, s.email, s.name, s.unsubscribe_token FROM subscribers s"  # noqa: S608 - fixed clauses
        f" WHERE {clause} AND s.number > %s AND s.number <= %s ORDER BY s.number LIMIT %s",
        *values,
        campaign["reached"],
        campaign["last_subscriber"],
        BATCH,
    )
    template = templates.version_of(tx, campaign["template"], campaign["template_version"])
    written = 0
    for recipient in recipients:
        variables = {"name": recipient["name"], "unsubscribe_token": recipient["unsubscribe_token"]}
        written += mails.write(
            tx, template, email=recipient["email"], reference=campaign["campaign_id"], variables=variables
        )
    tx.execute(
        "UPDATE campaigns SET reached = %s, sent = sent + %s WHERE number = %s",
        recipients[-1]["number"] if recipients else campaign["last_subscriber"],
        written,
        campaign["number"],
    )
    if len(recipients) < BATCH:
        tx.execute(
            "UPDATE campaigns SET state = 'sent', sent_at = UTC_TIMESTAMP(6) WHERE number = %s", campaign["number"]
        )


def _segment(campaign: Row) -> tuple[str, Sequence[Any]]:
    """Who is meant, as a condition. A language without country means it in every country."""
    clauses, values = ["s.state = 'confirmed'"], []
    if campaign["topic"] is not None:
        clauses.append(
            "(NOT EXISTS (SELECT 1 FROM subscriber_topics t WHERE t.subscriber = s.number)"
            " OR EXISTS (SELECT 1 FROM subscriber_topics t WHERE t.subscriber = s.number AND t.topic = %s))"
        )
        values.append(campaign["topic"])
    if campaign["locale"] is not None:
        clauses.append("(s.locale = %s OR s.locale LIKE %s)")
        values += [campaign["locale"], f"{campaign['locale']}-%"]
    return " AND ".join(clauses), values


def _counted(tx: Transaction, campaign: Row) -> Row:
    clause, values = _segment(campaign)
    row = tx.row(
        "SELECT COUNT(*) AS recipients, COALESCE(MAX(s.number), 0) AS last_subscriber"  # noqa: S608 - fixed clauses
        f" FROM subscribers s WHERE {clause}",
        *values,
    )
    return row or {"recipients": 0, "last_subscriber": 0}


def _check_variables(template: Row) -> None:
    unknown = [name for name in templates.asked_for(template) if name not in VARIABLES]
    if unknown:
        detail = f"{template['name']} asks for {', '.join(unknown)}; a campaign knows {', '.join(sorted(VARIABLES))}."
        raise Problem(422, detail)


def _find(tx: Transaction, campaign_id: str, *, to_change: bool = False) -> Row:
    row = None
    if _IDENTIFIER.fullmatch(campaign_id):
        locking = " FOR UPDATE" if to_change else ""
        row = tx.row(f"SELECT * FROM campaigns WHERE campaign_id = %s{locking}", campaign_id)  # noqa: S608 - fixed text
    if row is None:
        raise not_found("This campaign")
    return row


def _campaign(tx: Transaction, row: Row) -> Campaign:
    created_at: datetime = row["created_at"]
    sent_at: datetime | None = row["sent_at"]
    return Campaign(
        campaign_id=row["campaign_id"],
        template=row["template"],
        template_version=row["template_version"],
        segment=Segment(row["topic"], row["locale"]),
        state=row["state"],
        recipients=_counted(tx, row)["recipients"] if row["state"] == "draft" else row["recipients"],
        sent=row["sent"],
        created_at=created_at.replace(tzinfo=UTC),
        sent_at=sent_at and sent_at.replace(tzinfo=UTC),
    )
