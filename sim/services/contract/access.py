"""Roles and permissions in the Spatie model: users have roles, roles have permissions, a token carries both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

CUSTOMER: Final = "customer"
SUPPORT: Final = "support"
MERCHANDISER: Final = "merchandiser"
ADMINISTRATOR: Final = "administrator"

PERMISSIONS: Final[Mapping[str, str]] = {
    "users.manage": "see users, give and take roles",
    "products.write": "create and change products, their images and prices",
    "inventory.write": "receive and correct stock",
    "orders.read-any": "see every customer's orders",
    "orders.manage": "move orders through their life cycle",
    "deliveries.manage": "move shipments along",
    "websites.write": "configure sites",
    "tickets.manage": "answer and close support tickets",
    "contacts.read": "read contact forms",
    "newsletters.manage": "templates, campaigns, subscribers",
    "questions.write": "edit the FAQ",
    "dead-letters.manage": "see and requeue dead letters",
}

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    CUSTOMER: (),
    SUPPORT: ("orders.read-any", "tickets.manage", "contacts.read", "questions.write", "deliveries.manage"),
    MERCHANDISER: ("products.write", "inventory.write", "newsletters.manage", "questions.write"),
    ADMINISTRATOR: tuple(PERMISSIONS),
}


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who calls, as the gateway verified it; sent to services in the request's ``identity`` header as JSON."""

    user_id: str
    email: str
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    token_id: str = ""

    def may(self, permission: str) -> bool:
        return permission in self.permissions
