"""Templates by version: the database has every one, the bucket their HTML as soon as it can be put there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from sim.services.chassis.service import Bucket, Call, Context, Reply, Row, Transaction
from sim.services.contract.problem import Problem, not_found
from sim.services.newsletters import placeholders
from sim.services.newsletters.api import Template, TemplateForm, Templates, TemplateSummary
from sim.services.newsletters.builtin import BUILT_IN

_CURRENT: Final = "SELECT v.* FROM templates t JOIN template_versions v ON v.name = t.name AND v.version = t.version"
_NAME: Final = re.compile("[a-z][a-z0-9-]{0,62}")
_STORED_AT_ONCE: Final = 20


def put(call: Call) -> Reply:
    name, form = call.path["name"], call.body
    if not _NAME.fullmatch(name):
        raise Problem(422, "A template's name is made of lower-case letters, digits and hyphens, at most 63 of them.")
    _check(form)
    with call.context.transaction() as tx:
        row = version_of(tx, name, add_version(tx, name, form))
        return tx.answer(_whole(row, call.context.bucket))


def show(call: Call) -> Template:
    name, version = call.path["name"], call.query.version
    with call.context.transaction() as tx:
        row = latest(tx, name) if version is None else version_of(tx, name, version)
        return _whole(row, call.context.bucket)


def page(call: Call) -> Templates:
    limit = call.query.limit
    with call.context.transaction() as tx:
        rows = tx.rows(f"{_CURRENT} WHERE t.name > %s ORDER BY t.name LIMIT %s", call.query.after or "", limit + 1)
    following = str(rows[limit - 1]["name"]) if len(rows) > limit else None
    return Templates(tuple(TemplateSummary(**_fields(row, call.context.bucket)) for row in rows[:limit]), following)


def add_version(tx: Transaction, name: str, form: TemplateForm, *, only_first: bool = False) -> int:
    """The version that has this content: the latest, or a new one. ``only_first`` leaves what is there as it is."""
    tx.execute("INSERT INTO templates (name) VALUES (%s) ON DUPLICATE KEY UPDATE name = VALUES(name)", name)
    locked = tx.row("SELECT version FROM templates WHERE name = %s FOR UPDATE", name)
    version = int(locked["version"]) if locked else 0
    if version and (only_first or _same(version_of(tx, name, version), form)):
        return version
    tx.execute(
        "INSERT INTO template_versions (name, version, subject, html, text) VALUES (%s, %s, %s, %s, %s)",
        name,
        version + 1,
        form.subject,
        form.html,
        form.text,
    )
    tx.execute("UPDATE templates SET version = %s WHERE name = %s", version + 1, name)
    return version + 1


def prepare(context: Context) -> None:
    """The built-in templates, each unless there is one of its name."""
    with context.transaction() as tx:
        for name, form in BUILT_IN.items():
            add_version(tx, name, form, only_first=True)


def latest(tx: Transaction, name: str) -> Row:
    """Raises Problem 404."""
    row = tx.row(f"{_CURRENT} WHERE t.name = %s", name) if name.isascii() else None
    if row is None:
        raise not_found(f"The template {name}")
    return row


def store(context: Context) -> None:
    """Put what the bucket does not have yet. Away, it raises Problem 503, and the next time is as good."""
    with context.transaction() as tx:
        rows = tx.rows(
            "SELECT name, version, html FROM template_versions WHERE NOT in_bucket LIMIT %s", _STORED_AT_ONCE
        )
    for row in rows:
        context.bucket.put(_object_key(row), row["html"].encode(), "text/html; charset=utf-8")
        with context.transaction() as tx:
            tx.execute(
                "UPDATE template_versions SET in_bucket = TRUE WHERE name = %s AND version = %s",
                row["name"],
                row["version"],
            )


def asked_for(row: Row) -> tuple[str, ...]:
    """The variables of a version, by name."""
    texts = (row["subject"], row["html"], row["text"])
    return tuple(sorted(frozenset().union(*map(placeholders.variables_of, texts))))


def _check(form: TemplateForm) -> None:
    wrong: dict[str, str] = {}
    for field in ("subject", "html", "text"):
        try:
            placeholders.variables_of(getattr(form, field))
        except placeholders.InvalidPlaceholder as invalid:
            wrong[field] = f"braces that make no variable near {invalid.near!r}"
    if wrong:
        detail = "; ".join(f"{field}: {what}" for field, what in wrong.items())
        errors = [{"field": field, "reason": what} for field, what in wrong.items()]
        raise Problem(422, f"A variable is written {{{{name}}}}: {detail}.", errors=errors)


def version_of(tx: Transaction, name: str, version: int) -> Row:
    """Raises Problem 404."""
    select = "SELECT * FROM template_versions WHERE name = %s AND version = %s"
    row = tx.row(select, name, version) if name.isascii() else None
    if row is None:
        raise not_found(f"Version {version} of the template {name}")
    return row


def _same(row: Row, form: TemplateForm) -> bool:
    return (row["subject"], row["html"], row["text"]) == (form.subject, form.html, form.text)


def _object_key(row: Row) -> str:
    return f"templates/{row['name']}/{row['version']}.html"


def _whole(row: Row, bucket: Bucket) -> Template:
    return Template(**_fields(row, bucket), html=row["html"], text=row["text"])


def _fields(row: Row, bucket: Bucket) -> dict[str, Any]:
    created_at: datetime = row["created_at"]
    return {
        "name": row["name"],
        "version": row["version"],
        "subject": row["subject"],
        "variables": asked_for(row),
        "html_url": bucket.public_url(_object_key(row)) if row["in_bucket"] else None,
        "created_at": created_at.replace(tzinfo=UTC),
    }
