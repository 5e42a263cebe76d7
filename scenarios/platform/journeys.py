"""Each service's main journey through the gateway, with what it must refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from scenarios.marks import PROBE_HEADER
from scenarios.platform import account_steps, catalogue_steps, order_steps, support_steps
from scenarios.platform.buying_steps import ADMIN, CUSTOMER, OTHER
from scenarios.platform.walking import Walk
from sim.checks.journey import Step, judge_journey
from sim.plan.model import ServerKind
from sim.scenario import Scenario, Stage
from sim.services.contract.queues import dead_letter_queue

_TOKEN = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])")
_ACTORS = (CUSTOMER, OTHER, ADMIN)


def begun(stage: Stage) -> Walk:
    """A walk with everybody introduced, and names that no other run uses."""
    walk = Walk(stage)
    walk.introduce(*_ACTORS)
    mark = f"{stage.rng.getrandbits(48):012x}"
    walk.name(mark=mark, sku=f"SIM-{mark.upper()}", slug=f"sim-{mark}", message_id=f"sim-{mark}")
    return walk


def _sav(stage: Stage) -> None:
    walk = begun(stage)
    walk.go(support_steps.SAV)
    if "download_url" in walk.memory:
        walk.memory["bare_url"] = str(walk.memory["download_url"]).partition("?")[0]
    walk.go(support_steps.SAV_CLOSED)


def _newsletters(stage: Stage) -> None:
    walk = begun(stage)
    walk.go(support_steps.NEWSLETTERS)
    token = _TOKEN.search(str(walk.memory.get("mail", "")))
    if token is not None:
        walk.memory["token"] = token[0]
    walk.go(support_steps.NEWSLETTERS_CONFIRMED)


def _messages_broker(stage: Stage) -> None:
    walk = begun(stage)
    walk.go(support_steps.MESSAGES_BROKER)
    broker, mark = stage.servers.broker(), str(walk.memory["mark"])
    deployment = stage.topology.services["contacts"].name
    publisher = broker.publisher(stage.rng.getrandbits(32))
    try:
        publisher.publish(
            "", deployment, b"nobody knows", headers={PROBE_HEADER: mark}, properties={"message_id": f"sim-{mark}"}
        )
    finally:
        publisher.close()
    try:
        walk.go(support_steps.MESSAGES_BROKER_DEAD)
    finally:
        broker.take_marked(dead_letter_queue(deployment), PROBE_HEADER, mark)


def _journey(
    service: str,
    claim: str,
    *steps: Step,
    rehearse: Callable[[Stage], None] | None = None,
    needs: Sequence[ServerKind] = (),
    orders: bool = False,
) -> Scenario:
    return Scenario(
        name=f"platform/{service}",
        claim=claim,
        section="3",
        needs=("gateway", "service", *needs),
        all_services=True,
        leaves_a_mark=orders,
        rehearse=rehearse or (lambda stage: begun(stage).go(steps)),
        judge=judge_journey(steps, claim),
    )


SCENARIOS = (
    _journey(
        "auth",
        "People register, sign in, refresh and sign out; roles permit, and a used or ended token opens nothing.",
        *account_steps.AUTH,
    ),
    _journey(
        "products",
        "Anybody browses and searches the catalogue; staff alone change it, its stock and its images.",
        *catalogue_steps.PRODUCTS,
        needs=("object-store",),
    ),
    _journey(
        "baskets",
        "A customer's basket holds what is for sale, at today's price.",
        *catalogue_steps.BASKETS,
    ),
    _journey(
        "orders",
        "A basket becomes one order, seen by its customer alone, which can be cancelled with all its effects.",
        *order_steps.ORDERS,
        orders=True,
    ),
    _journey(
        "deliveries",
        "An order's parcel is followed by its customer, and by its code without names.",
        *order_steps.DELIVERIES,
        orders=True,
    ),
    _journey(
        "addresses",
        "A customer's addresses are validated, normalised and nobody else's.",
        *account_steps.ADDRESSES,
    ),
    _journey(
        "websites",
        "Staff configure several sites, each with its hosts; anybody reads them.",
        *support_steps.WEBSITES,
    ),
    _journey(
        "payments",
        "Payments are planned: whoever may ask is told so (501).",
        *support_steps.PAYMENTS,
    ),
    _journey(
        "sav",
        "Tickets carry messages and attachments, which travel by signed URL to a bucket closed to all others.",
        *support_steps.SAV,
        *support_steps.SAV_CLOSED,
        rehearse=_sav,
        needs=("object-store",),
    ),
    _journey(
        "contacts",
        "A stranger's form reaches staff, becomes a ticket when it asks for support, and is answered by mail.",
        *support_steps.CONTACTS,
    ),
    _journey(
        "newsletters",
        "Nobody is subscribed who did not confirm by the mail sent to them.",
        *support_steps.NEWSLETTERS,
        *support_steps.NEWSLETTERS_CONFIRMED,
        rehearse=_newsletters,
    ),
    _journey(
        "questions",
        "Anybody searches the questions, customers vote once, staff write them.",
        *support_steps.QUESTIONS,
    ),
    _journey(
        "messages-broker",
        "Coordinators see dead letters, and send them once more.",
        *support_steps.MESSAGES_BROKER,
        *support_steps.MESSAGES_BROKER_DEAD,
        rehearse=_messages_broker,
        needs=("rabbitmq",),
    ),
)
