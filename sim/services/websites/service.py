"""Websites as the chassis runs it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from sim.services.chassis.service import Call, Context, Reply, Service, Transaction
from sim.services.contract.events import SiteChanged
from sim.services.contract.problem import Problem, not_found
from sim.services.websites import api, sites
from sim.services.websites.api import Site, SiteBody, SitePage

DEFAULT_SITE: Final = "main"


def list_sites(call: Call) -> SitePage:
    with call.context.transaction() as tx:
        items, after = sites.page(tx, call.query.limit, call.query.after)
    return SitePage(items, after)


def show(call: Call) -> Site:
    with call.context.transaction() as tx:
        return sites.existing(tx, call.path["site"])


def show_by_host(call: Call) -> Site:
    with call.context.transaction() as tx:
        return sites.by_host(tx, call.path["host"])


def put(call: Call) -> Reply:
    code = call.path["site"]
    if re.search(api.CODE_PATTERN, code) is None:
        raise Problem(422, "A site's code is at most 40 small letters, digits and hyphens.")
    with call.context.transaction() as tx:
        status = 200 if sites.lock(tx, code) else 201
        sites.put(tx, code, call.body, datetime.now(UTC))
        return _announced(tx, code, status)


def change(call: Call) -> Reply:
    code = call.path["site"]
    with call.context.transaction() as tx:
        if not sites.lock(tx, code):
            raise not_found("This site")
        sites.put(tx, code, sites.changed(sites.existing(tx, code), call.body), datetime.now(UTC))
        return _announced(tx, code, 200)


def _announced(tx: Transaction, code: str, status: int) -> Reply:
    site = sites.existing(tx, code)
    tx.emit(
        "site.changed",
        SiteChanged(
            site=site.site, name=site.name, locale=site.locale, currency=site.currency, maintenance=site.maintenance
        ),
    )
    return tx.answer(site, status)


def delete(call: Call) -> Reply:
    code = call.path["site"]
    if code == DEFAULT_SITE:
        raise Problem(409, "The default site stays.")
    with call.context.transaction() as tx:
        if not tx.execute("DELETE FROM sites WHERE code = %s", code):
            raise not_found("This site")
        return tx.answer(None)


def prepare(context: Context) -> None:
    """The default site, where there is none yet; replicas queue for its row."""
    hosts = ("localhost", "www.votredomaine.com", "staging.votredomaine.com", "dev.votredomaine.com")
    body = SiteBody(name="Main shop", locale="fr-FR", currency="EUR")
    now = datetime.now(UTC)
    with context.transaction() as tx:
        made = tx.execute(
            "INSERT IGNORE INTO sites (code, name, locale, currency, settings, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, '{}', %s, %s)",
            DEFAULT_SITE,
            body.name,
            body.locale,
            body.currency,
            now,
            now,
        )
        if made:
            sites.claim_hosts(tx, DEFAULT_SITE, hosts)


SERVICE: Final = Service(
    key="websites",
    routes=api.ROUTES,
    handlers={
        api.LIST.name: list_sites,
        api.SHOW.name: show,
        api.SHOW_BY_HOST.name: show_by_host,
        api.PUT.name: put,
        api.CHANGE.name: change,
        api.DELETE.name: delete,
    },
    migrations="sim.services.websites.migrations",
    prepare=prepare,
)
