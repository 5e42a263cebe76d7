"""For every failover scenario one way to spoil the modelled platform that must make it fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.runtime.fake.platform import FakePlatform
from sim.runtime.fake.queues import FakeMessage, FakeQueue
from tests.fake.drill_rehearsal import Sabotage


def forgets_when_a_node_dies(platform: FakePlatform) -> None:
    """A quorum queue that forgets its newest message when a node dies."""

    def forget(_: str) -> None:
        for queue in platform.broker.queues.values():
            if queue.type == "quorum":
                del queue.messages[-1:]

    platform.processes.died.append(forget)


def drops(every: int) -> Sabotage:
    """A broker that confirms each ``every``-th message and keeps none of it."""

    def spoil(platform: FakePlatform) -> None:
        enqueue, count = platform.broker.enqueue, iter(range(1, 1_000_000))

        def enqueue_most(queue: FakeQueue, message: FakeMessage) -> None:
            if not queue.name.startswith("sim.") or next(count) % every:
                enqueue(queue, message)

        platform.broker.enqueue = enqueue_most  # type: ignore[method-assign]

    return spoil


def all_stop_for_one(platform: FakePlatform) -> None:
    """A queue whose leader steps down for seconds whenever any node dies."""
    platform.broker.election_s = 3.0

    def step_down(_: str) -> None:
        for queue in platform.broker.queues.values():
            queue.leader, queue.vacant_since_s = None, platform.processes.clock.now_s()

    platform.processes.died.append(step_down)


def confirms_alone(platform: FakePlatform) -> None:
    """A queue that goes on without its majority."""
    platform.broker._has_majority = lambda *_: True  # type: ignore[method-assign]


def unmarked(platform: FakePlatform) -> None:
    """What is delivered again does not say so."""
    hand_back = platform.broker.hand_back

    def forgetful(queue: FakeQueue) -> None:
        hand_back(queue)
        queue.messages[0].returned = 0

    platform.broker.hand_back = forgetful  # type: ignore[method-assign]


def patient_with_poison(platform: FakePlatform) -> None:
    """A queue that takes a delivery limit for twice what it says."""
    setting = platform.broker._setting

    def doubled(queue: FakeQueue, name: str) -> Any:
        found = setting(queue, name)
        return 2 * found if name == "delivery-limit" and found is not None else found

    platform.broker._setting = doubled  # type: ignore[method-assign]


def loses_dead_letters(platform: FakePlatform) -> None:
    """What is set aside goes nowhere."""
    platform.broker.dead_letter = lambda *_: None  # type: ignore[method-assign]


def forgets_entries(seconds: float) -> Sabotage:
    """Servers of which a death takes so much of the latest, whatever their settings say."""

    def spoil(platform: FakePlatform) -> None:
        for states in (platform.databases, platform.caches, platform.objects):
            for state in states.values():
                state.entries.forgets_s = lambda: seconds

    return spoil


def halves_the_latest(platform: FakePlatform) -> None:
    """A store that keeps the beginning of what it was storing when it died."""

    def halve(server: str) -> None:
        if server in platform.objects:
            entries = platform.objects[server].entries
            entries.halves |= {entry for shelf in entries.shelves.values() for entry in list(shelf)[-1:]}

    platform.processes.died.append(halve)


def needs_every_database(platform: FakePlatform) -> None:
    """A shop of which every service leans on every database."""
    platform.shop._has_database = lambda _: all(map(platform.processes.answers, platform.databases))  # type: ignore[method-assign]


def loses_event(name: str) -> Sabotage:
    """A shop whose services forget to tell each other something."""
    return lambda platform: setattr(platform.shop.switches, "loses_event", {name})


FAILOVER: Mapping[str, Sabotage] = {
    "failover/broker-leader": forgets_when_a_node_dies,
    "failover/broker-leader-polling": forgets_when_a_node_dies,
    "failover/broker-leader-mixed": forgets_when_a_node_dies,
    "failover/broker-no-fault-async": drops(50),
    "failover/broker-no-fault-polling": drops(50),
    "failover/broker-no-fault-mixed": drops(50),
    "failover/broker-follower": all_stop_for_one,
    "failover/broker-majority": confirms_alone,
    "failover/consumer-dies": unmarked,
    "failover/consumer-dies-mixed": drops(50),
    "failover/consumer-crash-loop": patient_with_poison,
    "failover/consumer-nack-loop": loses_dead_letters,
    "failover/mysql-commits": forgets_entries(0.5),
    "failover/cache-entries": forgets_entries(1.5),
    "failover/object-store-puts": halves_the_latest,
    "failover/shop-orders-database": needs_every_database,
    "failover/shop-catalogue-database": needs_every_database,
    "failover/shop-broker-node": loses_event("stock.committed"),
    "failover/shop-cache": lambda p: setattr(p.shop.switches, "needs_the_cache", True),
    "failover/shop-orders-service": loses_event("order.placed"),
    "failover/shop-gateway": loses_event("delivery.created"),
    "failover/database-alert": lambda p: setattr(p.rules, "deaf", True),
    "failover/game-day": drops(50),
    "failover/broker-unroutable": lambda p: setattr(p.broker, "return_unroutable", False),
}
