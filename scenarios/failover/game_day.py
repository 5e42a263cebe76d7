"""A game day: faults drawn from a seed, one after the other, while every ledger there is keeps count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from scenarios.failover.broker_drills import (
    MAIN_QUEUE_ARGUMENTS,
    MEMBERS_DEADLINE_S,
    MIXED,
    drain,
    wait,
    whole_queue,
)
from scenarios.failover.entry_drills import Keeper, clear, take_inventory
from scenarios.failover.watching import watching
from scenarios.platform.buying import buying
from scenarios.platform.selling import Sale
from scenarios.platform.shoppers import enrol
from sim.checks.broker_drill import CONSUME, DRAIN, PUBLISH
from sim.checks.game_day import ENTRIES, GAME, OBJECTS, ROWS, inventory_of, judge_game_day
from sim.faults.fault import Fault
from sim.faults.kill import Kill
from sim.faults.partition import Partition
from sim.faults.pause import Pause
from sim.faults.shapes import isolated
from sim.faults.terminate import Terminate
from sim.history import Outcome
from sim.load.consuming import Readers, consuming
from sim.load.pacing import Progress
from sim.load.publishing import Letters, pipelining
from sim.load.writing import Entries, writing
from sim.scenario import Scenario, Stage

_MINUTES = 1.5
_MESSAGES_PER_S, _READ_PER_S = 50.0, 40.0
_RATES = {ROWS: 40.0, ENTRIES: 40.0, OBJECTS: 10.0}
"""Objects are dear, and an hour of them has to be read back: how well their time away is known is told beside it."""
_SHOPPERS = 2
_STOCK = 100_000
_SETTLED_S = 90.0
_HOLD_S = (3.0, 6.0)
_CALM_S = (1.5, 3.0)
_RECOVERED_S = 62.0
_CONFIRMS_AFTER = 4


@dataclass(frozen=True, slots=True)
class _Field:
    """What is played on."""

    stage: Stage
    queue: str
    keepers: dict[str, Keeper]

    def faults(self) -> tuple[Callable[[], Fault], ...]:
        """The menu: each makes one fault on a victim drawn anew."""
        stage = self.stage
        broker = stage.servers.broker()

        def node() -> str:
            return stage.rng.choice(broker.nodes)

        def serves(name: str) -> Callable[[], bool]:
            return lambda: name in broker.running_nodes(name)

        def kill_node() -> Fault:
            victim = node()
            return Kill(victim, ready=serves(victim))

        def end_node() -> Fault:
            victim = node()
            return Terminate(victim, ready=serves(victim))

        def cut_off_node() -> Fault:
            side, others = isolated(broker.nodes, node())
            return Partition(side, others)

        def kill_pod() -> Fault:
            pod = stage.rng.choice([s.name for s in (*stage.plan.of_kind("service"), *stage.plan.of_kind("gateway"))])
            endpoint = stage.servers.service(pod)
            return Kill(pod, ready=lambda: endpoint.health("ready").accepted)

        def kill_keeper(kept: str) -> Callable[[], Fault]:
            keeper = self.keepers[kept]
            return lambda: Kill(keeper.server, ready=keeper.ready)

        keepers = tuple(kill_keeper(kept) for kept in self.keepers)
        return (kill_node, lambda: Pause(node()), end_node, cut_off_node, kill_pod, *keepers)


def _rehearse(stage: Stage) -> None:
    broker = stage.servers.broker()
    mark = f"{stage.rng.getrandbits(48):012x}"
    queue = f"sim.failover.{mark}.game"
    field = _Field(stage, queue, _keepers(stage, mark))
    sale = Sale.of(stage, _STOCK)
    shoppers = [enrol(stage, stays=True) for _ in range(_SHOPPERS)]
    people = [(shopper, sale.equip(shopper)) for shopper in shoppers]
    with ExitStack() as cleanup:
        for keeper in field.keepers.values():
            cleanup.callback(clear, keeper)
        cleanup.callback(broker.delete_queue, queue)
        broker.declare_queue(queue, MAIN_QUEUE_ARGUMENTS)
        with ExitStack() as loads:
            loads.enter_context(watching(stage, broker, queue))
            loads.enter_context(consuming(stage, Readers(CONSUME, queue, MIXED, _READ_PER_S)))
            letters = Letters(PUBLISH, queue, "m", _MESSAGES_PER_S)
            under_way = [loads.enter_context(pipelining(stage, broker.pipeline(stage.rng.getrandbits(32)), letters))]
            for kept, keeper in field.keepers.items():
                entries = Entries(kept, keeper.server, kept, _RATES[kept], 2)
                under_way.append(loads.enter_context(writing(stage, entries, keeper.shelf)))
            loads.enter_context(buying(sale, people))
            _play(field, under_way)
        for kept, keeper in field.keepers.items():
            take_inventory(stage, keeper, inventory_of(kept))
        drain(stage, broker, queue, DRAIN, CONSUME)
        sale.see_ledger(shoppers, _SETTLED_S)
        sale.withdraw()


def _play(field: _Field, under_way: Sequence[Progress]) -> None:
    """Fault after fault until the time is over; each waits until every ledger goes on."""
    stage = field.stage
    minutes = stage.parameters.get("minutes", _MINUTES)
    began_s = stage.clock.now_s()
    _calm(stage)
    for make in _without_end(stage, field.faults()):
        if stage.clock.now_s() >= began_s + 60 * minutes:
            break
        with make().inject(stage) as in_force:
            if in_force:
                stage.clock.sleep_s(stage.rng.uniform(*_HOLD_S))
        healed_s = stage.clock.now_s()
        wait(stage, lambda since_s=healed_s: _all_go_on(under_way, since_s), _RECOVERED_S)  # type: ignore[misc]
        wait(stage, lambda: whole_queue(stage.servers.broker(), field.queue) is not None, MEMBERS_DEADLINE_S)
        _calm(stage)
    played = round((stage.clock.now_s() - began_s) / 60, 3)
    stage.record(GAME, field.queue, Outcome.OK, minutes=minutes, played=played)


def _without_end(stage: Stage, menu: Sequence[Callable[[], Fault]]) -> Iterator[Callable[[], Fault]]:
    """The whole menu in a drawn order, and again in another: no kind of fault is left out for long."""
    while True:
        yield from stage.rng.sample(menu, len(menu))


def _all_go_on(under_way: Sequence[Progress], since_s: float) -> bool:
    return all(one.failure or one.confirmed_since(since_s) >= _CONFIRMS_AFTER for one in under_way)


def _calm(stage: Stage) -> None:
    stage.clock.sleep_s(stage.rng.uniform(*_CALM_S))


def _keepers(stage: Stage, mark: str) -> dict[str, Keeper]:
    databases = [d for d in stage.topology.databases.values() if d.deployment in {s.name for s in stage.plan.servers}]
    database = stage.rng.choice(databases)
    server, cache, store = stage.servers.sql(database.deployment), stage.servers.cache(), stage.servers.object_store()
    bucket = next(iter(stage.topology.object_store.buckets)).name
    return {
        ROWS: Keeper(
            database.deployment,
            lambda: server.shelf(database.schema_name, f"sim_ledger_{mark}"),
            lambda: bool(server.version()),
        ),
        ENTRIES: Keeper(cache.name, lambda: cache.shelf(f"sim.ledger.{mark}."), lambda: bool(cache.version())),
        OBJECTS: Keeper(store.name, lambda: store.shelf(bucket, f"sim.ledger/{mark}/"), lambda: bool(store.buckets())),
    }


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover/game-day",
        claim="Whatever dies, stops or is cut off in turn, nothing that was acknowledged is lost or done twice.",
        section="12",
        needs=("gateway", "service", "mysql", "rabbitmq", "redis", "object-store"),
        leaves_a_mark=True,
        rehearse=_rehearse,
        judge=judge_game_day,
        essential=False,
        source="Chaos Toolkit and the game days of Jesse Robbins; Jepsen total-queue; rabbitmq/jepsen",
        parameters={"minutes": _MINUTES, "messages_per_s": _MESSAGES_PER_S},
    ),
)
