"""Shoppers for the platform under test: a seeded shop with full shelves, customers enrolled, a generator at hand."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from sim.errors import Unreachable
from sim.faults.fault import Fault
from sim.load.arrivals import customers_needed
from sim.load.enrolment import enrol
from sim.load.in_memory_shop import InMemoryShop
from sim.load.journeys import MIX
from sim.load.people import People
from sim.load.shop_engine import Crowdedness, ShopEngine, locust_shop, spare_cores
from sim.scenario import Stage
from sim.seeding.fill import fill
from sim.seeding.generate import generate
from sim.seeding.through import Through
from sim.statistics.error_budget import FAST_BURN

_PRODUCTS = 12
_SHOP_SEED = 1
_SHELF = 100_000
"""What each product is stocked up with: a load must not end because something is sold out."""


@contextmanager
def shoppers(
    stage: Stage, peak_per_s: float, mix: Mapping[str, float] = MIX, people: People | None = None
) -> Iterator[ShopEngine]:
    """A generator whose shoppers know this platform; ``peak_per_s`` is the most it will be asked for.

    Without ``people`` they are found, and enrolled, here.
    """
    people = people or people_for(stage, customers_needed(mix, peak_per_s))
    gateway = stage.servers.gateway()
    seed = f"{stage.rng.getrandbits(64):016x}"
    if stage.servers.modelled:
        yield InMemoryShop(gateway, people, mix, stage.clock, random.Random(seed))  # noqa: S311 - reproducible
        return
    give_up = FAST_BURN * stage.topology.gateway.objectives.error_share
    crowd = Crowdedness(mix, people, seed, peak_per_s, give_up=give_up, workers=spare_cores())
    with locust_shop(gateway.url(), crowd, stage.clock) as engine:
        yield engine


def people_for(stage: Stage, customers: int) -> People:
    """A seeded shop with full shelves, and so many customers signed in."""
    gateway = stage.servers.gateway()
    entrance = Through(gateway, stage.clock, stage.rng)
    email, password = _administrator(stage)
    # What the journeys look at; their customers enrol by themselves.
    shop = replace(generate(_SHOP_SEED, _PRODUCTS), templates=(), customers=())
    fill(entrance, email, password, shop, lambda *_: None)
    administrator = entrance.signed_in(email, password)
    if administrator is None:
        raise Unreachable("The administrator cannot sign in.")
    for product in shop.products:
        administrator.call(
            "POST", f"/api/products/{product.sku}/stock", body={"change": _SHELF, "reason": "stocked up for a load"}
        )
    people = enrol(gateway, stage.clock, stage.rng, customers)
    return People(people.goods, people.customers, stage.servers.storage_hosts())


def _administrator(stage: Stage) -> tuple[str, str]:
    for server in stage.plan.of_kind("service"):
        if "admin_email" in server.facts:
            return server.facts["admin_email"], stage.servers.secret(server.facts["admin_password_secret"])
    raise Unreachable("This stack has no service that signs administrators in.", next_step="start auth, too")


def put_in_force(stack: ExitStack, fault: Fault, stage: Stage) -> None:
    """A fault that lasts until the stack is closed: from one cue to another."""
    stack.enter_context(fault.inject(stage))
