"""A product to sell, checkouts of it, and afterwards the whole ledger: orders, deliveries, movements of stock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scenarios.platform.shoppers import Shopper, administrator, sign_in
from sim.checks.sales import AFTER, BEFORE, CHECKOUT, DELIVERIES, ORDERS, STOCK
from sim.errors import Refused, Unreachable
from sim.history import Outcome
from sim.scenario import Stage
from sim.servers.http_protocol import HttpReply

_POLL_S = 0.25
_PAGE = 100
_ATTEMPTS = 5


@dataclass(slots=True)
class Sale:
    """``staff`` is the administrator, ``sku`` what is sold. Raises Refused or Unreachable when it cannot be set up."""

    stage: Stage
    staff: Shopper
    sku: str

    @classmethod
    def of(cls, stage: Stage, items: int) -> Sale:
        """A new product with ``items`` of it in stock, which is recorded."""
        staff = sign_in(stage, administrator(stage), stays=True)
        mark = f"{stage.rng.getrandbits(48):012x}"
        sale = cls(stage, staff, f"SIM-{mark.upper()}")
        slug = {"slug": f"sim-{mark}", "name": f"Sim {mark}"}
        done(staff.ask("POST", "/api/products/categories", slug))
        draft = {"sku": sale.sku, "name": f"Sim {mark}", "category": f"sim-{mark}", "unit_price_cents": 1250}
        done(staff.ask("POST", "/api/products", draft))
        done(staff.ask("POST", f"/api/products/{sale.sku}/stock", {"change": items, "reason": "received"}))
        sale.see_stock(BEFORE)
        return sale

    def equip(self, shopper: Shopper) -> str:
        """One in the shopper's basket, and an address to send it to: the address' id."""
        self.fill(shopper)
        where = {"line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"}
        kept = done(shopper.ask("POST", "/api/addresses", {"recipient": "Sim Shopper", **where}))
        return str(kept["address_id"])

    def fill(self, shopper: Shopper) -> None:
        done(shopper.ask("PUT", f"/api/baskets/current/items/{self.sku}", {"quantity": 1}))

    def check_out(self, shopper: Shopper, address_id: str, call: str) -> HttpReply:
        """One attempt, recorded with its fate."""
        reply = shopper.ask("POST", "/api/orders/checkout", {"address_id": address_id}, key=call, timeout_s=20.0)
        document = reply.document()
        self.stage.record(
            CHECKOUT,
            shopper.gateway.name,
            reply.outcome if reply.answered else Outcome.UNSURE,
            actor=shopper.user_id,
            call=call,
            status=reply.status,
            order_id=str(document.get("order_id", "")) if isinstance(document, Mapping) else "",
            latency_s=round(reply.latency_s, 4),
            message=reply.message,
        )
        return reply

    def see_stock(self, phase: str) -> None:
        """What is on hand and reserved, with every movement there was."""
        movements: list[Mapping[str, Any]] = []
        card: Mapping[str, Any] = {}
        after: str | None = ""
        while after is not None:
            path = f"/api/products/{self.sku}/stock?limit={_PAGE}" + (f"&after={after}" if after else "")
            card = done(self._patiently(self.staff, path))
            movements += [{k: m[k] for k in ("quantity", "kind", "reference")} for m in card["movements"]]
            after = card["next"]
        self.stage.record(
            STOCK,
            self.sku,
            Outcome.OK,
            phase=phase,
            on_hand=card["on_hand"],
            reserved=card["reserved"],
            movements=movements,
        )

    def see_ledger(self, shoppers: Sequence[Shopper], deadline_s: float) -> None:
        """Wait until every order is settled, or the deadline; then write down what everybody has."""
        orders = self._settled(shoppers, deadline_s)
        kept = ("order_id", "state", "settled")
        items = [{name: item[name] for name in kept} for item in orders]
        self.stage.record(ORDERS, "orders", Outcome.OK, items=items)
        deliveries = [item for s in shoppers for item in self._all(s, "/api/deliveries")]
        items = [{name: item[name] for name in ("order_id", "delivery_id", "state")} for item in deliveries]
        self.stage.record(DELIVERIES, "deliveries", Outcome.OK, items=items)
        self.see_stock(AFTER)

    def withdraw(self) -> None:
        self.staff.ask("DELETE", f"/api/products/{self.sku}")

    def _settled(self, shoppers: Sequence[Shopper], deadline_s: float) -> list[Mapping[str, Any]]:
        ends_s = self.stage.clock.now_s() + deadline_s
        while True:
            orders = [item for s in shoppers for item in self._all(s, "/api/orders")]
            if all(item["settled"] for item in orders) or self.stage.clock.now_s() >= ends_s:
                return orders
            self.stage.clock.sleep_s(_POLL_S * 4)

    def _all(self, shopper: Shopper, path: str) -> Iterator[Mapping[str, Any]]:
        after: str | None = ""
        while after is not None:
            where = f"{path}?limit={_PAGE}" + (f"&after={after}" if after else "")
            page = done(self._patiently(shopper, where))
            yield from page["items"]
            after = page["next"]

    def _patiently(self, shopper: Shopper, path: str) -> HttpReply:
        """Reading changes nothing: asked a few times over while the platform gets its breath back."""
        reply = shopper.ask("GET", path)
        for _ in range(_ATTEMPTS):
            if reply.accepted:
                break
            self.stage.clock.sleep_s(_POLL_S * 4)
            reply = shopper.ask("GET", path)
        return reply


def done(reply: HttpReply) -> Mapping[str, Any]:
    """The document of an answer that had to be 2xx. Raises Unreachable or Refused."""
    if not reply.answered:
        raise Unreachable("The gateway did not answer.", evidence=reply.message)
    document = reply.document()
    if not reply.accepted or not isinstance(document, Mapping):
        said = reply.body[:300].decode("utf-8", "replace")
        raise Refused(f"The gateway answered {reply.status}.", str(reply.status), evidence=said)
    return document


def until(stage: Stage, condition: Callable[[], bool], deadline_s: float, poll_s: float = 0.05) -> bool:
    """Whether the condition came to hold within the deadline."""
    ends_s = stage.clock.now_s() + deadline_s
    while not condition():
        if stage.clock.now_s() >= ends_s:
            return False
        stage.clock.sleep_s(poll_s)
    return True
