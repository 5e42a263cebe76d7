"""What services tell each other: every event, its exchange, who says it, who listens, and what it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

ExchangeType = Literal["direct", "topic", "fanout", "headers"]


class Line(msgspec.Struct, frozen=True):
    """Some of one product."""

    sku: str
    quantity: int


class PricedLine(msgspec.Struct, frozen=True):
    sku: str
    name: str
    quantity: int
    unit_price_cents: int


class PostalAddress(msgspec.Struct, frozen=True):
    """``country`` is ISO 3166-1 alpha-2."""

    recipient: str
    line1: str
    postal_code: str
    city: str
    country: str
    line2: str = ""


class OrderPlaced(msgspec.Struct, frozen=True):
    """An order was committed with its stock reserved under the order's own id."""

    order_id: str
    user_id: str
    email: str
    basket_id: str
    basket_version: int
    lines: tuple[PricedLine, ...]
    address: PostalAddress
    total_cents: int
    currency: str


class OrderCancelled(msgspec.Struct, frozen=True):
    order_id: str
    user_id: str
    reason: str


class StockCommitted(msgspec.Struct, frozen=True):
    """The order's reservation became a sale."""

    order_id: str


class StockRefused(msgspec.Struct, frozen=True):
    """The reservation had lapsed and the stock is gone: the order cannot stand."""

    order_id: str
    reason: str


class DeliveryCreated(msgspec.Struct, frozen=True):
    order_id: str
    delivery_id: str
    tracking_code: str


class DeliveryRefused(msgspec.Struct, frozen=True):
    """No carrier serves the address."""

    order_id: str
    reason: str


class DeliveryMoved(msgspec.Struct, frozen=True):
    """``state`` is ``shipped``, ``in-transit``, ``delivered``, ``returned`` or ``cancelled``."""

    order_id: str
    delivery_id: str
    state: str


class BasketCleared(msgspec.Struct, frozen=True):
    order_id: str
    basket_id: str


class NotificationRequested(msgspec.Struct, frozen=True):
    """``template`` names a newsletters template; ``reference`` is the order's, ticket's or form's id."""

    email: str
    template: str
    reference: str
    variables: dict[str, str]


class NotificationSent(msgspec.Struct, frozen=True):
    template: str
    reference: str


class TicketRequested(msgspec.Struct, frozen=True):
    """A contact form that asks for support."""

    form_id: str
    email: str
    subject: str
    message: str


class UserRegistered(msgspec.Struct, frozen=True):
    user_id: str
    email: str
    name: str


class SessionRevoked(msgspec.Struct, frozen=True):
    """An access token that must not be honoured any more, until it expires by itself (Unix seconds)."""

    token_id: str
    expires_at_s: int


class ProductChanged(msgspec.Struct, frozen=True):
    """``version`` is the product's: whoever has seen a newer one leaves this aside."""

    sku: str
    name: str
    unit_price_cents: int
    on_sale: bool
    version: int = 0


class SiteChanged(msgspec.Struct, frozen=True):
    site: str
    name: str
    locale: str
    currency: str
    maintenance: bool


@dataclass(frozen=True, slots=True)
class EventType:
    """``attributes`` are AMQP headers a headers exchange matches by; elsewhere the routing key is the name.

    ``subscribers`` are service keys, and ``gateway``: a fanout reaches every events queue, and who is not listed there
    acknowledges it unread.
    """

    name: str
    exchange: ExchangeType
    publisher: str
    subscribers: tuple[str, ...]
    carries: Any
    attributes: Mapping[str, str] = field(default_factory=dict)


EVENTS: Final[tuple[EventType, ...]] = (
    EventType("order.placed", "topic", "orders", ("products", "deliveries", "baskets"), OrderPlaced),
    EventType("order.cancelled", "topic", "orders", ("products", "deliveries"), OrderCancelled),
    EventType("stock.committed", "topic", "products", ("orders",), StockCommitted),
    EventType("stock.refused", "topic", "products", ("orders",), StockRefused),
    EventType("delivery.created", "topic", "deliveries", ("orders",), DeliveryCreated),
    EventType("delivery.refused", "topic", "deliveries", ("orders",), DeliveryRefused),
    EventType("delivery.moved", "topic", "deliveries", ("orders",), DeliveryMoved),
    EventType("basket.cleared", "topic", "baskets", ("orders",), BasketCleared),
    EventType("product.changed", "topic", "products", ("baskets",), ProductChanged),
    EventType("user.registered", "topic", "auth", ("newsletters",), UserRegistered),
    EventType("notification.sent", "topic", "newsletters", ("orders",), NotificationSent),
    EventType("session.revoked", "fanout", "auth", ("gateway",), SessionRevoked),
    EventType("site.changed", "fanout", "websites", ("newsletters",), SiteChanged),
    EventType("notification.order", "headers", "orders", ("newsletters",), NotificationRequested, {"channel": "email"}),
    EventType("notification.ticket", "headers", "sav", ("newsletters",), NotificationRequested, {"channel": "email"}),
    EventType(
        "notification.contact", "headers", "contacts", ("newsletters",), NotificationRequested, {"channel": "email"}
    ),
    EventType("ticket.requested", "headers", "contacts", ("sav",), TicketRequested, {"audience": "support"}),
)

EVENT_BY_NAME: Final[Mapping[str, EventType]] = {event.name: event for event in EVENTS}
