"""Sites and their hosts in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec

from sim.services.chassis.service import Row, Transaction
from sim.services.contract.problem import Problem, not_found
from sim.services.websites.api import Site, SiteBody, SiteChanges

COLUMNS = (
    "SELECT s.code, s.name, s.locale, s.currency, s.maintenance, s.settings,"
    " (SELECT JSON_ARRAYAGG(h.host) FROM site_hosts h WHERE h.site = s.code) AS hosts FROM sites s"
)


def site_of(row: Row) -> Site:
    hosts = msgspec.json.decode(row["hosts"], type=list[str]) if row["hosts"] else []
    return Site(
        site=row["code"],
        name=row["name"],
        locale=row["locale"],
        currency=row["currency"],
        hosts=tuple(sorted(hosts)),
        maintenance=bool(row["maintenance"]),
        settings=msgspec.json.decode(row["settings"]),
    )


def page(tx: Transaction, limit: int, after: str) -> tuple[tuple[Site, ...], str | None]:
    rows = tx.rows(COLUMNS + " WHERE s.code > %s ORDER BY s.code LIMIT %s", after, limit + 1)
    sites = tuple(site_of(row) for row in rows[:limit])
    return sites, sites[-1].site if len(rows) > limit else None


def existing(tx: Transaction, code: str) -> Site:
    """Problem 404 when there is no such site."""
    row = tx.row(COLUMNS + " WHERE s.code = %s", code)
    if row is None:
        raise not_found("This site")
    return site_of(row)


def by_host(tx: Transaction, host: str) -> Site:
    row = tx.row(COLUMNS + " JOIN site_hosts asked ON asked.site = s.code WHERE asked.host = %s", host.lower())
    if row is None:
        raise not_found("A site of this host")
    return site_of(row)


def lock(tx: Transaction, code: str) -> bool:
    """Whether the site exists; if so nobody else changes it until the commit."""
    return tx.row("SELECT code FROM sites WHERE code = %s FOR UPDATE", code) is not None


def put(tx: Transaction, code: str, body: SiteBody, now: datetime) -> None:
    # Created or replaced in one statement: two who create the same site at once do not fail each other.
    tx.execute(
        "INSERT INTO sites (code, name, locale, currency, maintenance, settings, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) AS new ON DUPLICATE KEY UPDATE name = new.name,"
        " locale = new.locale, currency = new.currency, maintenance = new.maintenance, settings = new.settings,"
        " updated_at = new.updated_at",
        code,
        body.name,
        body.locale,
        body.currency,
        body.maintenance,
        msgspec.json.encode(body.settings).decode(),
        now,
        now,
    )
    claim_hosts(tx, code, body.hosts)


def changed(site: Site, changes: SiteChanges) -> SiteBody:
    """The site with what the changes name."""
    fields = {name: getattr(site, name) for name in SiteBody.__struct_fields__}
    for name in fields:
        value = getattr(changes, name)
        if value is not msgspec.UNSET:
            fields[name] = value
    return SiteBody(**fields)


def claim_hosts(tx: Transaction, code: str, hosts: Collection[str]) -> None:
    """Make these the site's hosts. Problem 409 names those of other sites."""
    wanted = sorted({host.lower() for host in hosts})
    for row in tx.rows("SELECT host FROM site_hosts WHERE site = %s", code):
        if row["host"] not in wanted:
            tx.execute("DELETE FROM site_hosts WHERE host = %s", row["host"])
    taken = []
    for host in wanted:
        tx.execute(
            "INSERT INTO site_hosts (host, site) VALUES (%s, %s) ON DUPLICATE KEY UPDATE host = host", host, code
        )
        owner = tx.row("SELECT site FROM site_hosts WHERE host = %s FOR SHARE", host)
        if owner is None or owner["site"] != code:
            taken.append(host)
    if taken:
        raise Problem(409, "Another site has these hosts.", hosts=taken)
