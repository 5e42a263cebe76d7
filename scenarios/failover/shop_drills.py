"""People buy and look around while something behind the gateway dies: exactly-once effects, and who felt it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from scenarios.failover.broker_drills import wait
from scenarios.platform.buying import buying
from scenarios.platform.selling import Sale
from scenarios.platform.shoppers import Shopper, enrol
from sim.checks.blast import KINDS, RECOVERY_DEADLINE_S, Reach, judge_blast, tied_to
from sim.errors import RigError
from sim.faults.kill import Kill
from sim.load.pacing import Progress
from sim.load.probing import Question, probing
from sim.plan.model import ServerKind
from sim.scenario import Scenario, Stage
from sim.servers.http_protocol import HttpReply

_SHOPPERS = 3
_STOCK = 20_000
_RATE_PER_S = 4.0
_WATCHED_PER_S, _MOST_WATCHED_PER_S = 45.0, 135.0
"""Of each kind that is tied to what dies, and of all of them together: more would be a load of its own."""
_ASKERS = 4
_STEADY_S = 3.0
_OUTAGE_S = 4.0
_GOOD_AFTER = 4
_SETTLED_S = 90.0
_AT_ONCE_S = 2.0
"""A call that finds its connection dying is asked again by the caller: twice what the document calls slow."""
_BROKER_S = 20.0
"""A client whose broker node died reconnects to another: what the platform's own drills allow it."""
_EVERYTHING: tuple[ServerKind, ...] = ("gateway", "service", "mysql", "rabbitmq", "redis", "object-store")

Victim = Callable[[Stage], tuple[str, Callable[[], bool]]]
"""Whom to kill, and whether they serve again."""


def _rehearse(stage: Stage, victim: Victim) -> None:
    sale = Sale.of(stage, _STOCK)
    target, ready = victim(stage)
    kinds = _watched(stage, target)
    with ThreadPoolExecutor(2) as pool:
        people = list(pool.map(lambda _: enrol(stage), range(_SHOPPERS + 1 + len(kinds))))
    shoppers, (prober, *watching) = people[:_SHOPPERS], people[_SHOPPERS:]
    addresses = [sale.equip(shopper) for shopper in shoppers]
    with (
        probing(stage, _questions(dict(zip(kinds, watching, strict=True)), prober)) as progress,
        buying(sale, list(zip(shoppers, addresses, strict=True))),
    ):
        _let_pass(stage, _STEADY_S)
        with Kill(target, ready=ready).inject(stage) as killed:
            if killed:
                _let_pass(stage, _OUTAGE_S)
        healed_s = stage.clock.now_s()
        wait(stage, lambda: _all_good_since(progress, healed_s), RECOVERY_DEADLINE_S + 2.0)
        _let_pass(stage, _STEADY_S / 2)
    sale.see_ledger(shoppers, _SETTLED_S)
    sale.withdraw()


def _watched(stage: Stage, target: str) -> tuple[str, ...]:
    """Kinds that are tied to what dies; where nobody is, who feels it is what is to be seen, of all of them."""
    tied = tied_to(stage.topology, target)
    return tuple(kind for kind in KINDS if kind in tied) or tuple(KINDS)


def _questions(watched: Mapping[str, Shopper], prober: Shopper) -> Mapping[str, Question]:
    """All kinds, and the watched ones closely, by a shopper each: the gateway limits what one of them may ask."""
    rate_per_s = min(_WATCHED_PER_S, _MOST_WATCHED_PER_S / len(watched))
    return {
        kind: Question(partial(_ask, watched[kind], path), rate_per_s, _ASKERS, insists=True)
        if kind in watched
        else Question(partial(_ask, prober, path), _RATE_PER_S)
        for kind, path in KINDS.items()
    }


def _ask(prober: Shopper, path: str) -> HttpReply:
    return prober.ask("GET", path)


def _all_good_since(progress: Mapping[str, Progress], since_s: float) -> bool:
    return all(one.failure or one.confirmed_since(since_s) >= _GOOD_AFTER for one in progress.values())


def _let_pass(stage: Stage, seconds: float) -> None:
    ends_s = stage.clock.now_s() + seconds
    wait(stage, lambda: stage.clock.now_s() >= ends_s, seconds + 1.0)


def _database_of(service: str) -> Victim:
    def victim(stage: Stage) -> tuple[str, Callable[[], bool]]:
        topology = stage.topology
        server = topology.databases[str(topology.services[service].database)].deployment
        return server, lambda: bool(stage.servers.sql(server).version())

    return victim


def _broker_node(stage: Stage) -> tuple[str, Callable[[], bool]]:
    broker = stage.servers.broker()
    node = stage.rng.choice(broker.nodes)
    return node, lambda: node in broker.running_nodes(node)


def _cache(stage: Stage) -> tuple[str, Callable[[], bool]]:
    cache = stage.servers.cache()
    return cache.name, lambda: bool(cache.version())


def _pod_of(app: Callable[[Stage], str]) -> Victim:
    def victim(stage: Stage) -> tuple[str, Callable[[], bool]]:
        pods = [server.name for server in stage.plan.servers if server.app == app(stage)]
        if not pods:
            raise RigError(f"This stack has no pod of {app(stage)}.", next_step="start it whole")
        endpoint = stage.servers.service(pods[0])
        return pods[0], lambda: endpoint.health("ready").accepted

    return victim


def _scenario(name: str, claim: str, section: str, victim: Victim, *, reach: Reach, source: str) -> Scenario:
    return Scenario(
        name=f"failover/shop-{name}",
        claim=claim,
        section=section,
        needs=_EVERYTHING,
        leaves_a_mark=True,
        rehearse=lambda stage: _rehearse(stage, victim),
        judge=judge_blast(reach),
        essential=False,
        source=source,
        parameters={
            "rate_per_s": _RATE_PER_S,
            "watched_per_s": _WATCHED_PER_S,
            "outage_s": _OUTAGE_S,
            "bound_s": reach.bound_s,
        },
    )


_ONCE = "Transactional outbox and idempotent consumer (microservices.io); Jepsen on indeterminate outcomes"
_WALL = "Database per service (microservices.io); the document's own isolation of failures"

SCENARIOS: tuple[Scenario, ...] = (
    _scenario(
        "orders-database",
        "While the database of orders is gone orders alone suffer, and every accepted order happens once.",
        "5",
        _database_of("orders"),
        reach=Reach(_AT_ONCE_S),
        source=_WALL,
    ),
    _scenario(
        "catalogue-database",
        "While the database of products is gone only who asks for products suffers, and accepted orders happen once.",
        "5",
        _database_of("products"),
        reach=Reach(_AT_ONCE_S),
        source=_WALL,
    ),
    _scenario(
        "broker-node",
        "When a broker node dies every service finds another, and every accepted order happens once.",
        "6",
        _broker_node,
        reach=Reach(_BROKER_S),
        source="pika/pika#1339 on reconnecting to another host; RabbitMQ documentation, Clustering, Client Connections",
    ),
    _scenario(
        "cache",
        "While the cache is gone services fall back, within the error budget, and every accepted order happens once.",
        "8",
        _cache,
        reach=Reach(_AT_ONCE_S, budget=True),
        source="Google SRE workbook, Implementing SLOs, on error budgets; cache-aside (Azure Architecture Center)",
    ),
    _scenario(
        "orders-service",
        "When the orders service dies orders alone suffer, and every accepted order happens once.",
        "3",
        _pod_of(lambda stage: stage.topology.services["orders"].name),
        reach=Reach(_AT_ONCE_S),
        source=_ONCE,
    ),
    _scenario(
        "gateway",
        "When the gateway dies nothing that was accepted is lost or done twice, and all services answer again.",
        "3",
        _pod_of(lambda stage: stage.topology.gateway.name),
        reach=Reach(_AT_ONCE_S),
        source=_ONCE,
    ),
)
