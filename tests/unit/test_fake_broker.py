"""The modelled broker: leaders, elections, connections and what becomes of messages when nodes die."""

from __future__ import annotations

import pytest

from sim.errors import Refused, RigError, Unreachable
from sim.history import Outcome
from sim.plan.pods import build_plan
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.servers.protocol import BrokerCluster
from sim.topology.load import load_topology


class _Clock:
    def __init__(self) -> None:
        self.at_s = 0.0

    def now_s(self) -> float:
        return self.at_s

    def sleep_s(self, seconds: float) -> None:
        self.at_s += seconds


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def platform(clock: _Clock) -> FakePlatform:
    topology = load_topology()
    plan = build_plan(topology, "development", fake_images(topology), "192.0.2.0/24", only=["rabbitmq"])
    return FakePlatform(topology, plan, clock, seed=7, election_s=0.5, boot_s=1.0)


@pytest.fixture
def cluster(platform: FakePlatform) -> BrokerCluster:
    return platform.servers.broker()


def _leader(cluster: BrokerCluster, queue: str) -> str:
    seen = cluster.queue(queue)
    assert seen is not None
    return str(seen["leader"])


def test_a_killed_leader_is_followed_by_another_after_the_election(
    platform: FakePlatform, cluster: BrokerCluster, clock: _Clock
) -> None:
    """The queue has no leader until the election is over, then one of the surviving members; its messages are there."""
    cluster.declare_queue("orders", node=cluster.nodes[0])
    assert cluster.publisher(1).publish("", "orders", b"kept").outcome is Outcome.OK
    platform.control.kill(cluster.nodes[0])
    assert _leader(cluster, "orders") == ""
    clock.sleep_s(0.6)
    assert _leader(cluster, "orders") in cluster.nodes[1:]
    assert cluster.get("orders") == b"kept"


def test_a_publish_during_the_election_waits_for_the_new_leader(
    platform: FakePlatform, cluster: BrokerCluster, clock: _Clock
) -> None:
    """The confirm comes late, not never: the gap is the election's."""
    cluster.declare_queue("orders", node=cluster.nodes[0])
    publisher = cluster.publisher(1)
    publisher.publish("", "orders", b"first")
    platform.control.kill(cluster.nodes[0])
    began_s = clock.now_s()
    confirms = [publisher.publish("", "orders", b"second") for _ in range(2)]
    assert confirms[-1].outcome is Outcome.OK
    assert 0.4 < clock.now_s() - began_s < 1.5


def test_confirmed_messages_survive_any_single_kill(
    platform: FakePlatform, cluster: BrokerCluster, clock: _Clock
) -> None:
    """A ledger of confirmed publishes across kills and restarts of each node in turn loses nothing."""
    cluster.declare_queue("ledger")
    publisher = cluster.publisher(3)
    confirmed: set[bytes] = set()
    for number in range(60):
        if number % 20 == 10:
            platform.control.kill(cluster.nodes[number // 20])
        body = str(number).encode()
        if publisher.publish("", "ledger", body).outcome is Outcome.OK:
            confirmed.add(body)
        if number % 20 == 19:
            platform.control.start(cluster.nodes[number // 20])
            clock.sleep_s(2.0)
    assert len(confirmed) >= 55
    assert confirmed <= set(cluster.drain("ledger", 1.0, 30.0))


def test_without_a_majority_nothing_is_confirmed_and_nothing_lost(
    platform: FakePlatform, cluster: BrokerCluster, clock: _Clock
) -> None:
    """One node of three cannot commit: the publish is unsure, and may appear once the majority is back."""
    cluster.declare_queue("orders", node=cluster.nodes[2])
    assert cluster.publisher(1).publish("", "orders", b"before").outcome is Outcome.OK
    for node in cluster.nodes[:2]:
        platform.control.kill(node)
    late = cluster.publisher(1).publish("", "orders", b"late", timeout_s=2.0)
    assert late.outcome is Outcome.UNSURE
    with pytest.raises(Unreachable):
        cluster.get("orders")
    platform.control.start(cluster.nodes[0])
    clock.sleep_s(2.0)
    assert cluster.drain("orders", 1.0, 10.0) == (b"before", b"late")


def test_a_publish_that_reaches_no_node_surely_did_not_happen(platform: FakePlatform, cluster: BrokerCluster) -> None:
    """Refused before sending is FAILED, not UNSURE."""
    for node in cluster.nodes:
        platform.control.kill(node)
    assert cluster.publisher(1).publish("", "orders", b"x", timeout_s=1.0).outcome is Outcome.FAILED
    with pytest.raises(Unreachable):
        cluster.vhosts()


def test_a_classic_queue_goes_with_its_node_and_loses_what_was_not_persistent(
    platform: FakePlatform, cluster: BrokerCluster, clock: _Clock
) -> None:
    """A message for it has no route meanwhile; after the restart only persistent ones are left."""
    cluster.declare_queue("classic", {"x-queue-type": "classic"}, node=cluster.nodes[0])
    publisher = cluster.publisher(1)
    publisher.publish("", "classic", b"kept")
    publisher.publish("", "classic", b"lost", persistent=False)
    platform.control.kill(cluster.nodes[0])
    assert cluster.publisher(2).publish("", "classic", b"nowhere").outcome is Outcome.FAILED
    platform.control.start(cluster.nodes[0])
    clock.sleep_s(2.0)
    assert cluster.drain("classic", 1.0, 10.0) == (b"kept",)


def test_a_paused_leader_is_suspected_only_after_a_while(
    platform: FakePlatform, cluster: BrokerCluster, clock: _Clock
) -> None:
    """Its sockets stay open, so the others wait for their failure detector before they elect."""
    cluster.declare_queue("orders", node=cluster.nodes[0])
    platform.control.pause(cluster.nodes[0])
    clock.sleep_s(1.0)
    assert _leader(cluster, "orders") == ""
    clock.sleep_s(5.0)
    assert _leader(cluster, "orders") in cluster.nodes[1:]


def test_a_node_that_is_down_is_unreachable_and_the_others_miss_it(
    platform: FakePlatform, cluster: BrokerCluster
) -> None:
    """Its own endpoints refuse, and the survivors count two."""
    platform.control.stop(cluster.nodes[0])
    with pytest.raises(Unreachable):
        cluster.handshake(cluster.nodes[0], "x", "y", "z")
    assert cluster.running_nodes(cluster.nodes[1]) == cluster.nodes[1:]


def test_a_started_node_answers_only_once_it_has_booted(
    platform: FakePlatform, cluster: BrokerCluster, clock: _Clock
) -> None:
    """Running is not ready."""
    platform.control.kill(cluster.nodes[0])
    platform.control.start(cluster.nodes[0])
    with pytest.raises(Unreachable):
        cluster.version(cluster.nodes[0])
    clock.sleep_s(1.0)
    assert cluster.version(cluster.nodes[0])


def test_dead_letters_follow_the_policy_where_a_queue_says_nothing(cluster: BrokerCluster) -> None:
    """The documented policy sends rejected messages to the documented exchange's queue."""
    cluster.declare_queue("orders")
    cluster.publisher(1).publish("", "orders", b"bad")
    assert cluster.get("orders", acknowledge=False) == b"bad"
    assert cluster.get("ecommerce.dead-letter.queue") == b"bad"


def test_what_is_not_there_is_refused(cluster: BrokerCluster) -> None:
    """Unknown queues and exchanges are the server's no, not silence."""
    assert cluster.queue("none") is None
    with pytest.raises(Refused):
        cluster.get("none")
    with pytest.raises(Refused):
        cluster.bind_queue("none", "none", "")
    assert cluster.publisher(1).publish("none", "", b"x").outcome is Outcome.FAILED


def test_only_modelled_signals_and_sensible_orders_are_taken(platform: FakePlatform, cluster: BrokerCluster) -> None:
    """A model must not guess: an unknown signal, or killing what is dead, is an error of the caller."""
    with pytest.raises(RigError, match="SIGHUP"):
        platform.control.kill(cluster.nodes[0], "SIGHUP")
    platform.control.kill(cluster.nodes[0], "SIGTERM")
    assert platform.control.state(cluster.nodes[0]).exit_code == 143
    with pytest.raises(RigError, match="not running"):
        platform.control.kill(cluster.nodes[0])
