"""The templates the platform's own mails are written with, until somebody puts another version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sim.services.newsletters.api import TemplateForm

CONFIRM_SUBSCRIPTION: Final = "confirm-subscription"
WELCOME: Final = "welcome"


def _plain(subject: str, *paragraphs: str) -> TemplateForm:
    """The same words as text and as HTML."""
    body = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    return TemplateForm(
        subject=subject,
        html=f'<!doctype html>\n<html lang="en">\n<body>\n{body}<p>{{{{sender}}}}</p>\n</body>\n</html>\n',
        text="\n\n".join([*paragraphs, "{{sender}}"]) + "\n",
    )


BUILT_IN: Final[Mapping[str, TemplateForm]] = {
    "order-confirmed": _plain(
        "Your order {{order_number}} is confirmed",
        "Thank you for your order {{order_number}} over {{total}}. We will tell you when it is shipped.",
        "Its reference is {{reference}}.",
    ),
    "order-cancelled": _plain(
        "Your order {{order_number}} was cancelled",
        "Your order {{order_number}} over {{total}} was cancelled: {{reason}}",
        "Nothing will be sent. Its reference is {{reference}}.",
    ),
    "ticket-received": _plain(
        "We have your request: {{subject}}",
        "Your request is number {{ticket_id}}. We answer within two working days.",
    ),
    "ticket-answered": _plain(
        "An answer to your request: {{subject}}",
        "{{message}}",
        "Your request is number {{ticket_id}}. Write on it if there is more to say.",
    ),
    "contact-received": _plain(
        "We have your message: {{subject}}",
        "Thank you for writing to us, {{name}}. Somebody will read it soon.",
    ),
    WELCOME: _plain("Welcome, {{name}}", "Your account for {{email}} is ready."),
    CONFIRM_SUBSCRIPTION: _plain(
        "Confirm your subscription",
        "Somebody asked for our newsletter for {{email}}. If it was you, confirm with this code: {{token}}",
        "If it was not, do nothing: no newsletter will come.",
    ),
}
