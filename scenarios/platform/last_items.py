"""A hundred people want the last ten, all at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from scenarios.platform.selling import Sale
from scenarios.platform.shoppers import Shopper, enrol
from sim.checks.sales import judge_last_items
from sim.scenario import Scenario, Stage

_SHOPPERS, _ITEMS = 100, 10
_ENROLLING = 4
_SETTLED_S = 60.0


def _rehearse(stage: Stage, shoppers: int, items: int) -> None:
    sale = Sale.of(stage, items)

    def ready(_: int) -> tuple[Shopper, str]:
        shopper = enrol(stage)
        return shopper, sale.equip(shopper)

    with ThreadPoolExecutor(_ENROLLING) as pool:
        people = list(pool.map(ready, range(shoppers)))
    start = threading.Barrier(shoppers)

    def buy(number: int) -> None:
        shopper, address_id = people[number]
        start.wait(30.0)
        sale.check_out(shopper, address_id, f"{sale.sku}-{number}")

    with ThreadPoolExecutor(shoppers) as pool:
        list(pool.map(buy, range(shoppers)))
    sale.see_ledger([shopper for shopper, _ in people], _SETTLED_S)
    sale.withdraw()


def last_items(shoppers: int = _SHOPPERS, items: int = _ITEMS) -> Scenario:
    return Scenario(
        name="platform/last-items",
        claim=f"When {shoppers} people check out the last {items} at once, exactly {items} are sold and delivered.",
        section="3",
        needs=("gateway", "service"),
        all_services=True,
        leaves_a_mark=True,
        rehearse=lambda stage: _rehearse(stage, shoppers, items),
        judge=judge_last_items(shoppers, items),
        parameters={"shoppers": float(shoppers), "items": float(items)},
    )
