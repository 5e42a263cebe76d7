"""What shoppers do, as data: journeys of requests with think times, and how common each is.

``{name}`` in a path or body stands for what the shopper knows: goods of the catalogue, who they are, what an earlier
answer told them (``keeps``). Shares and think times are the rig's own: the document gives none. They follow what shops
report: most visits only look, one in fifteen buys, and a page is looked at for a second or two before the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.errors import BadInput

_OK = (200,)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. ``think_s`` is the mean pause before it; ``good`` are the statuses a working platform answers with.

    ``keeps`` maps names to places in the answer (``attachment.attachment_id``). ``uploads`` goes to the object store by
    the signed URL in ``path``, not to the gateway.
    """

    name: str
    method: str
    path: str
    think_s: float = 0.0
    good: tuple[int, ...] = _OK
    body: Mapping[str, Any] | None = None
    keeps: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    uploads: bytes = b""

    @property
    def service(self) -> str:
        """Whom the gateway asks: ``/api/<service>/…``; empty for what is not asked of the gateway."""
        parts = self.path.split("/", 3)
        return parts[2].partition("?")[0] if len(parts) > 2 and not self.uploads else ""


@dataclass(frozen=True, slots=True)
class Journey:
    """``signed_in`` journeys are those of a customer with an account, one visit at a time."""

    name: str
    asks: tuple[Ask, ...]
    signed_in: bool = False


_LOOK = Ask("product", "GET", "/api/products/{sku}", think_s=1.5)
_FILL = Ask(
    "fill the basket",
    "PUT",
    "/api/baskets/current/items/{sku}",
    think_s=1.5,
    good=(200, 409),  # 409: sold out, which is a shop's right
    body={"quantity": 1},
)
_PHOTOGRAPH = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64

JOURNEYS: Mapping[str, Journey] = {
    journey.name: journey
    for journey in (
        Journey(
            "browse",
            (
                Ask("site", "GET", "/api/websites?limit=5"),
                Ask("categories", "GET", "/api/products/categories", think_s=0.5),
                Ask("category", "GET", "/api/products?category={category}&limit=20", think_s=1.0),
                _LOOK,
                Ask("another product", "GET", "/api/products/{other_sku}", think_s=1.5),
            ),
        ),
        Journey(
            "search",
            (
                Ask("search", "GET", "/api/products?q={word}&limit=20"),
                _LOOK,
                Ask("questions", "GET", "/api/questions?limit=10", think_s=1.0),
            ),
        ),
        Journey(
            "basket",
            (
                Ask("product", "GET", "/api/products/{sku}"),
                _FILL,
                Ask("basket", "GET", "/api/baskets/current", think_s=1.0),
            ),
            signed_in=True,
        ),
        Journey(
            "checkout",
            (
                Ask(
                    "fill the basket", "PUT", "/api/baskets/current/items/{sku}", good=(200, 409), body={"quantity": 1}
                ),
                Ask("addresses", "GET", "/api/addresses", think_s=1.0),
                Ask(
                    "check out",
                    "POST",
                    "/api/orders/checkout",
                    think_s=1.0,
                    good=(201, 409),
                    body={"address_id": "{address_id}"},
                    headers={"Idempotency-Key": "{mark}"},
                ),
                Ask("orders", "GET", "/api/orders?limit=5", think_s=1.0),
            ),
            signed_in=True,
        ),
        Journey(
            "ticket",
            (
                Ask(
                    "open a ticket",
                    "POST",
                    "/api/sav",
                    good=(201,),
                    body={"subject": "Order {mark}", "message": "It came without its lid."},
                    keeps={"ticket_id": "ticket_id"},
                ),
                Ask(
                    "announce a file",
                    "POST",
                    "/api/sav/{ticket_id}/attachments",
                    think_s=1.0,
                    good=(201,),
                    body={"file_name": "lid.png", "content_type": "image/png", "size_bytes": len(_PHOTOGRAPH)},
                    keeps={"attachment_id": "attachment.attachment_id", "upload_url": "url"},
                ),
                Ask("upload the file", "PUT", "{upload_url}", uploads=_PHOTOGRAPH),
                Ask("complete the file", "POST", "/api/sav/{ticket_id}/attachments/{attachment_id}/complete"),
                Ask("ticket", "GET", "/api/sav/{ticket_id}", think_s=1.0),
            ),
            signed_in=True,
        ),
        Journey(
            "newsletter",
            (Ask("subscribe", "POST", "/api/newsletters/subscribers", body={"email": "{mark}@example.com"}),),
        ),
        Journey(
            "sign-in",
            (
                Ask("sign in", "POST", "/api/auth/login", body={"email": "{email}", "password": "{password}"}),
                Ask("account", "GET", "/api/auth/me", think_s=0.5),
            ),
            signed_in=True,
        ),
    )
}

MIX: Mapping[str, float] = {
    "browse": 45,
    "search": 20,
    "basket": 15,
    "checkout": 7,
    "ticket": 3,
    "newsletter": 5,
    "sign-in": 5,
}
"""Of a hundred visits."""

READ_ONLY: Mapping[str, float] = {"browse": 65, "search": 35}
"""Visits that need no account and change nothing: fit for a platform that is not the rig's own."""


def parse_mix(text: str) -> Mapping[str, float]:
    """``browse=70,search=30`` by name. Raises BadInput for a journey there is none of, or a share that is none."""
    found: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, share = (piece.strip() for piece in part.partition("="))
        if name not in JOURNEYS or name in found:
            problem = "given twice" if name in found else "no journey"
            raise BadInput(f"{name!r} is {problem}.", next_step=f"--mix with {', '.join(JOURNEYS)}")
        found[name] = _share(part, share) if equals else MIX[name]
    if not found or not sum(found.values()):
        raise BadInput(f"The mix {text!r} names no journey.", next_step="--mix browse=70,search=30")
    return found


def _share(part: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1_000_000:
        raise BadInput(f"{part!r} gives no share.", next_step="--mix browse=70,search=30")
    return value
