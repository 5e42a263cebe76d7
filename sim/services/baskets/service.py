"""The baskets service, put together."""

from __future__ import annotations

from typing import Final

from sim.services.baskets import api, hearing, shopping
from sim.services.chassis.service import Service
from sim.services.contract.shop import SHOW_BASKET

SERVICE: Final = Service(
    key="baskets",
    routes=api.ROUTES,
    handlers={
        SHOW_BASKET.name: shopping.show,
        api.PUT_ITEM.name: shopping.put_item,
        api.DELETE_ITEM.name: shopping.delete_item,
        api.EMPTY.name: shopping.empty,
        api.MERGE.name: shopping.merge,
    },
    events={"order.placed": hearing.on_order_placed, "product.changed": hearing.on_product_changed},
    migrations="sim.services.baskets.migrations",
    uses_cache=True,
)
