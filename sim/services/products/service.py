"""The products service, put together."""

from __future__ import annotations

from typing import Final

from sim.services.chassis.service import Chore, Service
from sim.services.contract.shop import RELEASE_STOCK, RESERVE_STOCK, SHOW_PRODUCT
from sim.services.products import api, browse, catalogue, images, inventory, reservations, sales

_EXPIRY_EVERY_S: Final = 5.0

SERVICE: Final = Service(
    key="products",
    routes=api.ROUTES,
    handlers={
        api.LIST.name: browse.list_products,
        api.CATEGORIES.name: browse.categories,
        api.CREATE_CATEGORY.name: catalogue.create_category,
        api.CREATE.name: catalogue.create,
        SHOW_PRODUCT.name: browse.show,
        api.CHANGE.name: catalogue.change,
        api.WITHDRAW.name: catalogue.withdraw,
        api.SHOW_STOCK.name: inventory.show,
        api.ADJUST_STOCK.name: inventory.adjust,
        api.PUT_IMAGE.name: images.put,
        api.DELETE_IMAGE.name: images.delete,
        RESERVE_STOCK.name: reservations.reserve,
        RELEASE_STOCK.name: reservations.release,
    },
    events={"order.placed": sales.on_order_placed, "order.cancelled": sales.on_order_cancelled},
    migrations="sim.services.products.migrations",
    uses_cache=True,
    uses_bucket=True,
    chores=(Chore("expire reservations", _EXPIRY_EVERY_S, reservations.expire),),
)
