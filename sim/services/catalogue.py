"""Every service by its key in the document; loaded only when it is the one to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SERVICE_MODULES: Final[Mapping[str, str]] = {
    "auth": "sim.services.auth",
    "products": "sim.services.products",
    "baskets": "sim.services.baskets",
    "orders": "sim.services.orders",
    "deliveries": "sim.services.deliveries",
    "addresses": "sim.services.addresses",
    "websites": "sim.services.websites",
    "payments": "sim.services.payments",
    "sav": "sim.services.sav",
    "contacts": "sim.services.contacts",
    "newsletters": "sim.services.newsletters",
    "questions": "sim.services.questions",
    "messages-broker": "sim.services.messages_broker",
}
"""Each package has ``api.ROUTES`` (pure data) and ``service.SERVICE`` (a chassis Service)."""
