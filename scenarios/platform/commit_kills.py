"""The orders service dies by ``kill -9`` between its commits and the publication of what they tell, again and again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from scenarios.platform.buying import Crowd, buying
from scenarios.platform.selling import Sale, until
from scenarios.platform.shoppers import enrol
from sim.checks.commit_kills import KILL, judge_commit_kills
from sim.errors import SimError
from sim.faults.kill import Kill
from sim.history import Outcome
from sim.scenario import Scenario, Stage

_POINTS = 20
_MOST_KILLS = 80
_SHOPPERS = 8
_STOCK = 20_000
_FOR_EACH_KILL_S = 20.0
_LATEST_S = 0.04
_SETTLED_S = 90.0
_ORDERS = "orders"
_OUTBOX = "outbox"


def _rehearse(stage: Stage, points: int) -> None:
    sale = Sale.of(stage, _STOCK)
    with ThreadPoolExecutor(4) as pool:
        shoppers = list(pool.map(lambda _: enrol(stage), range(_SHOPPERS)))
    addresses = [sale.equip(shopper) for shopper in shoppers]
    with buying(sale, list(zip(shoppers, addresses, strict=True))) as crowd:
        _kill_again_and_again(stage, crowd, points)
    sale.see_ledger(shoppers, _SETTLED_S)
    sale.withdraw()


def _kill_again_and_again(stage: Stage, crowd: Crowd, points: int) -> None:
    """Each kill comes a drawn while after a drawn number of orders; what it left behind is counted at once."""
    service = stage.topology.services[_ORDERS]
    database = stage.topology.databases[str(service.database)]
    pod = next(s.name for s in stage.plan.of_kind("service") if s.app == service.name)
    between = 0
    for number in range(_MOST_KILLS):
        if between >= points:
            return
        wanted = crowd.accepted + stage.rng.randint(1, 6)
        until(stage, lambda wanted=wanted: crowd.accepted >= wanted, _FOR_EACH_KILL_S, poll_s=0.001)  # type: ignore[misc]
        stage.clock.sleep_s(stage.rng.uniform(0.0, _LATEST_S))
        endpoint = stage.servers.service(pod)
        with Kill(pod, ready=lambda endpoint=endpoint: endpoint.health("ready").accepted).inject(stage) as killed:  # type: ignore[misc]
            left = _left_behind(stage, database.deployment, database.schema_name) if killed else None
        if left is None:
            stage.record(KILL, pod, Outcome.UNSURE, actor="fault", number=number, message="what it left was not seen")
            continue
        between += left > 0
        stage.record(KILL, pod, Outcome.OK, actor="fault", number=number, left=left, accepted=crowd.accepted)


def _left_behind(stage: Stage, database: str, schema: str) -> int | None:
    """Events committed and never published, by the database's own count."""
    try:
        return stage.servers.sql(database).count(schema, _OUTBOX)
    except SimError:
        return None


def orders_killed_at_commit(points: int = _POINTS) -> Scenario:
    return Scenario(
        name="platform/orders-killed-at-commit",
        claim="Whenever the orders service dies, every order it accepted has exactly one delivery and one sale.",
        section="6",
        needs=("gateway", "service", "mysql"),
        all_services=True,
        leaves_a_mark=True,
        rehearse=lambda stage: _rehearse(stage, points),
        judge=judge_commit_kills(points),
        essential=False,
        source="Transactional outbox and idempotent consumer (microservices.io); Jepsen on indeterminate outcomes",
        parameters={"points": float(points), "shoppers": float(_SHOPPERS)},
    )
