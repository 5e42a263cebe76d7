"""For every drill of faults beyond a server's death one way to spoil the modelled platform that must make it fail."""

from __future__ import annotations

from collections.abc import Mapping

from sim.plan.zones import zones
from sim.runtime.fake.platform import FakePlatform
from sim.runtime.fake.queues import FakeQueue
from tests.fake.drill_rehearsal import Sabotage, topology
from tests.fake.failover_sabotages import confirms_alone, drops, forgets_when_a_node_dies, loses_dead_letters


def forgets_when_deposed(platform: FakePlatform) -> None:
    """A queue that forgets its newest message whenever it loses its leader."""
    elect = platform.broker._elect

    def forgetful(queue: FakeQueue) -> None:
        led = queue.leader
        elect(queue)
        if led is not None and queue.leader is None:
            del queue.messages[-1:]

    platform.broker._elect = forgetful  # type: ignore[method-assign]


def never_reconciles(platform: FakePlatform) -> None:
    """Nodes set to ignore partitions."""
    for node in platform.broker.nodes.values():
        node.settings["cluster_partition_handling"] = "ignore"


def jumpy(platform: FakePlatform) -> None:
    """Nodes that take each other for down after a second."""
    for node in platform.broker.nodes.values():
        node.settings["net_ticktime"] = 1


def fickle(platform: FakePlatform) -> None:
    """A queue whose lead goes round every second."""
    settle, clock = platform.broker.settle, platform.processes.clock

    def rotating() -> None:
        settle()
        for queue in platform.broker.queues.values():
            if queue.type == "quorum" and queue.leader is not None:
                queue.leader = queue.members[int(clock.now_s()) % len(queue.members)]

    platform.broker.settle = rotating  # type: ignore[method-assign]


def usurps(platform: FakePlatform) -> None:
    """A node that takes every queue's lead as soon as it is back."""
    start = platform.processes.start

    def takes_over(server: str) -> None:
        start(server)
        for queue in platform.broker.queues.values():
            if server in queue.members and queue.type == "quorum":
                queue.leader = server

    platform.processes.start = takes_over  # type: ignore[method-assign]


def with_khepri(platform: FakePlatform) -> None:
    """The metadata store of RabbitMQ 4.3, which the documented version does not have."""
    platform.broker.net.khepri = True


def declares_alone(platform: FakePlatform) -> None:
    """Khepri by its flag, and yet a minority declares."""
    with_khepri(platform)
    platform.processes.talk = lambda *_: True  # type: ignore[method-assign]


def drags_down(victim: str) -> Sabotage:
    """A server that dies with any broker."""

    def spoil(platform: FakePlatform) -> None:
        def follow(server: str) -> None:
            if server in platform.broker.nodes and platform.processes.answers(victim):
                platform.processes.end(victim, 1)

        platform.processes.died.append(follow)

    return spoil


def falls_with_another_zone(platform: FakePlatform) -> None:
    """A database that dies with a broker of another zone than its own."""
    where = {s: zone for zone, servers in zones(platform.plan, topology().spread).items() for s in servers}

    def fall(server: str) -> None:
        others = [s.name for s in platform.plan.of_kind("mysql") if where[s.name] != where[server]]
        if server in platform.broker.nodes and platform.processes.answers(others[0]):
            platform.processes.end(others[0], 1)

    platform.processes.died.append(fall)


def mute_when_halved(platform: FakePlatform) -> None:
    """An Alertmanager that forgets where critical alerts go when another one dies."""

    def forget(server: str) -> None:
        if server in platform.alertmanagers:
            for state in platform.alertmanagers.values():
                state.channels.clear()

    platform.processes.died.append(forget)


PREPARED: Mapping[str, Sabotage] = {"failover/broker-minority-declare": with_khepri}
"""What a platform must be, other than documented, for a scenario to say more than UNKNOWN."""

FAULTS: Mapping[str, Sabotage] = {
    "failover/broker-halves-async": drops(50),
    "failover/broker-halves-polling": drops(50),
    "failover/broker-halves-mixed": drops(50),
    "failover/broker-fixed-halves": drops(50),
    "failover/broker-majorities-ring": confirms_alone,
    "failover/broker-isolated-node": drops(50),
    "failover/broker-one-way": forgets_when_deposed,
    "failover/broker-isolated-leader": forgets_when_deposed,
    "failover/broker-minority-publisher": drops(50),
    "failover/broker-short-partition": jumpy,
    "failover/broker-autoheal": never_reconciles,
    "failover/broker-minority-declare": declares_alone,
    "failover/broker-paused-leader-short": drops(50),
    "failover/broker-paused-leader": forgets_when_deposed,
    "failover/broker-delay": fickle,
    "failover/broker-packet-loss": fickle,
    "failover/broker-cpu-squeeze": drops(50),
    "failover/broker-disk-full": drops(50),
    "failover/broker-rolling-restart": forgets_when_a_node_dies,
    "failover/broker-rejoin": usurps,
    "failover/broker-all-nodes": forgets_when_a_node_dies,
    "failover/broker-dead-letters": loses_dead_letters,
    "failover/zone-loss": falls_with_another_zone,
    "failover/drain-budget": drags_down("auth-service"),
    "failover/monitoring-replicas": mute_when_halved,
}
