"""E-mail as a service. Nothing leaves the platform: a mail is sent when its row is written, and can be looked at."""

from __future__ import annotations

from typing import Final

from sim.services.chassis.service import Chore, Service
from sim.services.newsletters import campaigns, mails, subscribers, templates
from sim.services.newsletters.api import ROUTES

SERVICE: Final = Service(
    key="newsletters",
    routes=ROUTES,
    handlers={
        "newsletters.subscribe": subscribers.subscribe,
        "newsletters.confirm": subscribers.confirm,
        "newsletters.unsubscribe": subscribers.unsubscribe,
        "newsletters.list-subscribers": subscribers.page,
        "newsletters.list-templates": templates.page,
        "newsletters.show-template": templates.show,
        "newsletters.put-template": templates.put,
        "newsletters.create-campaign": campaigns.create,
        "newsletters.show-campaign": campaigns.show,
        "newsletters.send-campaign": campaigns.send,
        "newsletters.list-messages": mails.page,
    },
    events={
        "notification.order": mails.requested,
        "notification.ticket": mails.requested,
        "notification.contact": mails.requested,
        "user.registered": mails.welcome,
        "site.changed": mails.name_site,
    },
    migrations="sim.services.newsletters.migrations",
    uses_bucket=True,
    chores=(
        Chore("write campaign mails", 2.0, campaigns.write_mails),
        Chore("store templates", 5.0, templates.store),
    ),
    prepare=templates.prepare,
)
