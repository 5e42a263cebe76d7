"""The broker's client against a real cluster of three nodes."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.types import IPAMConfig, IPAMPool

from sim.clock import SystemClock
from sim.errors import Refused, Unreachable
from sim.history import Outcome
from sim.runtime.readiness import cluster_probe, ready_probe
from sim.servers.amqp import AmqpLogin
from sim.servers.endpoint import Endpoint
from sim.servers.rabbitmq import RabbitCluster
from tests.docker.test_servers.conftest import Running, container, server_spec

_NODES = tuple(f"rabbitmq-cluster-server-{i}" for i in range(3))
_DOMAIN = "rabbitmq-cluster-nodes.e-commerce-messaging"
_PORTS = {"amqp": 5672, "management": 15672, "metrics": 15692}
_CONFIGURATION = "".join(
    f"{key} = {value}\n"
    for key, value in {
        "heartbeat": 60,
        "frame_max": 131072,
        "channel_max": 2047,
        "queue_master_locator": "min-masters",
        "vm_memory_high_watermark.relative": 0.8,
        "disk_free_limit.relative": 2.0,
        "total_memory_available_override_value": 2**31,
        "cluster_partition_handling": "autoheal",
        "default_queue_type": "quorum",
        "cluster_formation.peer_discovery_backend": "classic_config",
        **{f"cluster_formation.classic_config.nodes.{i}": f"rabbit@{n}.{_DOMAIN}" for i, n in enumerate(_NODES, 1)},
        "definitions.import_backend": "local_filesystem",
        "definitions.local.path": "/etc/rabbitmq/definitions.json",
        "log.console": "true",
        "log.file": "false",
    }.items()
)
_DEFINITIONS = json.dumps(
    {
        "vhosts": [{"name": "e-commerce", "default_queue_type": "quorum"}],
        "users": [
            {"name": "ecommerce", "password": "app-pw", "tags": []},
            {"name": "operator", "password": "admin-pw", "tags": ["administrator"]},
        ],
        "permissions": [
            {"user": user, "vhost": "e-commerce", "configure": ".*", "write": ".*", "read": ".*"}
            for user in ("ecommerce", "operator")
        ],
        "exchanges": [
            {
                "name": "e-commerce.headers",
                "vhost": "e-commerce",
                "type": "headers",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
        ],
        "policies": [
            {
                "name": "dead-letter",
                "vhost": "e-commerce",
                "pattern": "^orders",
                "apply-to": "queues",
                "priority": 0,
                "definition": {"message-ttl": 60000},
            }
        ],
    }
)
_PLUGINS = ("rabbitmq_federation", "rabbitmq_management", "rabbitmq_prometheus")


@dataclass(frozen=True)
class Cluster:
    broker: RabbitCluster
    nodes: dict[str, Running]

    def leader(self, queue: str) -> str:
        found = self.broker.queue(queue)
        assert found is not None
        return str(found["leader"])


@pytest.fixture(scope="module")
def cluster(engine: docker.DockerClient) -> Iterator[Cluster]:
    with ExitStack() as stack:
        third = 128 + secrets.randbelow(100)
        network = engine.networks.create(
            f"sim-test-{secrets.token_hex(4)}",
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=f"10.233.{third}.0/28")]),
            labels={"sim.test": "servers"},
        )
        stack.callback(network.remove)
        files = {
            "/etc/rabbitmq/rabbitmq.conf": _CONFIGURATION,
            "/etc/rabbitmq/definitions.json": _DEFINITIONS,
            "/etc/rabbitmq/enabled_plugins": f"[{','.join(_PLUGINS)}].\n",
        }
        nodes = {}
        for i, name in enumerate(_NODES):
            settings = engine.api.create_endpoint_config(
                aliases=[f"{name}.{_DOMAIN}"], ipv4_address=f"10.233.{third}.{i + 2}"
            )
            nodes[name] = stack.enter_context(
                container(
                    engine,
                    "rabbitmq",
                    ("rabbitmq-server",),
                    files=files,
                    user="rabbitmq",
                    hostname=name,
                    network=network.name,
                    networking_config={network.name: settings},
                    environment={
                        "RABBITMQ_NODENAME": f"rabbit@{name}.{_DOMAIN}",
                        "RABBITMQ_USE_LONGNAME": "true",
                        "RABBITMQ_ERLANG_COOKIE": "0123456789abcdef",
                        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +stbt u +sbwt none",
                    },
                )
            )

        def endpoint(server: str, port: str) -> Endpoint:
            return nodes[server].endpoint(_PORTS[port])

        spec = server_spec("rabbitmq", user="ecommerce", password_secret="P", vhost="e-commerce")
        for name, running in nodes.items():
            running.wait_ready(ready_probe(spec, lambda port, n=name: endpoint(n, port), {"P": "app-pw"}), 90)  # type: ignore[misc]
        broker = RabbitCluster(
            _NODES,
            endpoint,
            application=AmqpLogin("ecommerce", "app-pw", "e-commerce"),
            administrator=("operator", "admin-pw"),
            execute=lambda server, argv, environment: nodes[server].execute(server, argv, environment),
            clock=SystemClock(),
        )
        nodes[_NODES[0]].wait_ready(cluster_probe(broker), 60)
        yield Cluster(broker, nodes)


@pytest.fixture
def queue(cluster: Cluster) -> Iterator[str]:
    """A quorum queue whose leader is the second node."""
    name = f"orders-{secrets.token_hex(4)}"
    cluster.broker.declare_queue(name, node=_NODES[1])
    yield name
    cluster.broker.delete_queue(name)


def test_a_handshake_is_answered_with_the_brokers_own_code(cluster: Cluster) -> None:
    """Right login 0, wrong password and guest 403, a virtual host that is not there 530."""
    ask = cluster.broker.handshake
    assert ask(_NODES[0], "ecommerce", "app-pw", "e-commerce").accepted
    assert ask(_NODES[0], "ecommerce", "wrong", "e-commerce").code == "403"
    assert ask(_NODES[1], "guest", "guest", "e-commerce").code == "403"
    assert ask(_NODES[2], "ecommerce", "app-pw", "/").code == "530"


def test_tuning_and_version_are_what_the_server_proposes(cluster: Cluster) -> None:
    """As configured, and not what the client would have settled for."""
    tuning = cluster.broker.tuning(_NODES[0])
    assert (tuning.heartbeat_s, tuning.frame_max_bytes, tuning.channel_max) == (60, 131072, 2047)
    assert cluster.broker.version(_NODES[0])[0].isdigit()


def test_the_environment_speaks_rabbitmq_confs_keys(cluster: Cluster) -> None:
    """Plain keys, dotted keys, and the second question costs nothing."""
    seen = cluster.broker.environment(_NODES[0])
    assert seen["queue_master_locator"] == "min-masters"
    assert seen["vm_memory_high_watermark.relative"] == 0.8
    assert seen["disk_free_limit.relative"] == 2.0
    assert seen["default_queue_type"] == "quorum"
    assert cluster.broker.environment(_NODES[0]) is seen


def test_operators_facts_are_read_by_server_name(cluster: Cluster) -> None:
    """Members, partitions, plugins, users, permissions, virtual hosts, exchanges and policies."""
    broker = cluster.broker
    assert broker.running_nodes(_NODES[2]) == _NODES
    assert broker.partitions(_NODES[0]) == ()
    assert broker.plugins(_NODES[1]) == _PLUGINS
    assert broker.users() == {"ecommerce": (), "operator": ("administrator",)}
    assert broker.permissions("e-commerce")["ecommerce"] == (".*", ".*", ".*")
    assert broker.permissions("absent") == {}
    assert broker.vhosts() == {"e-commerce": "quorum"}
    assert broker.exchanges("e-commerce")["e-commerce.headers"] == "headers"
    assert broker.policies("e-commerce")["dead-letter"]["definition"] == {"message-ttl": 60000}
    assert "rabbitmq_" in broker.metrics(_NODES[0])


def test_a_queue_starts_its_leader_where_it_was_declared(cluster: Cluster, queue: str) -> None:
    """Quorum by default, three members online, led by the node asked for; an absent queue is None."""
    found = cluster.broker.queue(queue)
    assert found is not None
    assert (found["type"], found["leader"], found["members"]) == ("quorum", _NODES[1], _NODES)
    assert (found["online"], found["messages"]) == (_NODES, 0)
    assert cluster.broker.queue("absent") is None


def test_a_confirmed_publish_is_ok_and_can_be_drained(cluster: Cluster, queue: str) -> None:
    """What was confirmed comes back once, and the queue is empty."""
    publisher = cluster.broker.publisher(7)
    bodies = [f"message {i}".encode() for i in range(50)]
    try:
        assert all(publisher.publish("", queue, body).outcome is Outcome.OK for body in bodies)
    finally:
        publisher.close()
    assert list(cluster.broker.drain(queue, 0.3, 20)) == bodies
    assert cluster.broker.get(queue) is None


def test_a_publish_nobody_gets_is_failed_never_ok(cluster: Cluster, queue: str) -> None:
    """Unroutable is returned, an absent exchange refused; the publisher goes on working after both."""
    publisher = cluster.broker.publisher(7)
    try:
        unroutable = publisher.publish("", "absent-queue", b"x")
        assert (unroutable.outcome, unroutable.message) == (Outcome.FAILED, "returned: 312 NO_ROUTE")
        refused = publisher.publish("absent-exchange", "k", b"x")
        assert refused.outcome is Outcome.FAILED
        assert "404" in refused.message
        assert publisher.publish("", queue, b"x").outcome is Outcome.OK
    finally:
        publisher.close()


def test_headers_route_through_a_headers_exchange(cluster: Cluster, queue: str) -> None:
    """The message with the header arrives, the one without is returned."""
    cluster.broker.bind_queue(queue, "e-commerce.headers", "", {"x-match": "all", "kind": "order"})
    publisher = cluster.broker.publisher(7)
    try:
        assert publisher.publish("e-commerce.headers", "", b"yes", headers={"kind": "order"}).outcome is Outcome.OK
        assert publisher.publish("e-commerce.headers", "", b"no", headers={"kind": "other"}).outcome is Outcome.FAILED
    finally:
        publisher.close()
    assert cluster.broker.get(queue) == b"yes"


def test_a_rejected_message_comes_back_only_when_asked_to(cluster: Cluster, queue: str) -> None:
    """Put back with requeue, gone without."""
    publisher = cluster.broker.publisher(7)
    publisher.publish("", queue, b"x")
    publisher.close()
    assert cluster.broker.get(queue, acknowledge=False, requeue=True) == b"x"
    assert cluster.broker.get(queue, acknowledge=False) == b"x"
    assert cluster.broker.get(queue) is None


def test_a_stopped_majority_makes_a_publish_unsure_and_nothing_confirmed_is_lost(cluster: Cluster, queue: str) -> None:
    """Two of three paused: no confirm, so UNSURE in time; awake again, every OK is drained."""
    publisher = cluster.broker.publisher(7)
    try:
        assert publisher.publish("", queue, b"before").outcome is Outcome.OK
        for name in _NODES[1:]:
            cluster.nodes[name].container.pause()
        try:
            began_s = time.monotonic()
            stalled = publisher.publish("", queue, b"during", timeout_s=2.0)
            assert stalled.outcome is not Outcome.OK
            assert time.monotonic() - began_s < 4.0
        finally:
            for name in _NODES[1:]:
                cluster.nodes[name].container.unpause()
        outcome = publisher.publish("", queue, b"after", timeout_s=20.0).outcome
    finally:
        publisher.close()
    bodies = cluster.broker.drain(queue, 1.0, 30)
    assert b"before" in bodies
    assert outcome is not Outcome.OK or b"after" in bodies


def test_a_broker_in_alarm_blocks_a_publish_which_then_surely_did_not_happen(cluster: Cluster, queue: str) -> None:
    """Once the publisher knows it is blocked nothing is sent, so FAILED and not UNSURE; the alarm over, OK again."""
    publisher = cluster.broker.publisher(7)

    def set_watermark(fraction: str) -> None:
        node = cluster.nodes[_NODES[0]]
        code, output = node.execute(_NODES[0], ("rabbitmqctl", "set_vm_memory_high_watermark", fraction), {})
        assert code == 0, output

    try:
        assert publisher.publish("", queue, b"before").outcome is Outcome.OK
        set_watermark("0.0001")
        try:
            end_s = time.monotonic() + 10
            while publisher.publish("", queue, b"perhaps", timeout_s=0.5).outcome is Outcome.OK:
                assert time.monotonic() < end_s, "no alarm"
            blocked = publisher.publish("", queue, b"blocked", timeout_s=0.5)
            assert blocked.outcome is Outcome.FAILED
            assert "blocked by the broker" in blocked.message
        finally:
            set_watermark("0.8")
        assert publisher.publish("", queue, b"after", timeout_s=10.0).outcome is Outcome.OK
    finally:
        publisher.close()
    bodies = cluster.broker.drain(queue, 0.5, 20)
    assert {b"before", b"after"} <= set(bodies)
    assert b"blocked" not in bodies


def test_connections_leave_no_descriptor_behind(cluster: Cluster) -> None:
    """Refused, opened and closed, again and again: as many open files afterwards as before."""
    broker = cluster.broker

    def ask() -> None:
        broker.handshake(_NODES[0], "ecommerce", "app-pw", "e-commerce")
        broker.handshake(_NODES[0], "ecommerce", "wrong", "e-commerce")
        broker.get("absent") if broker.queue("absent") else None

    ask()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        ask()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_publisher_outlives_the_leader(cluster: Cluster, queue: str) -> None:
    """The leader is killed under load: publishing resumes elsewhere, and every confirmed message is there."""
    publisher = cluster.broker.publisher(3)
    leader = cluster.leader(queue)
    kill = threading.Timer(0.5, lambda: cluster.nodes[leader].container.kill("SIGKILL"))
    confirmed: list[bytes] = []
    unsure: list[bytes] = []
    kill.start()
    try:
        end_s = time.monotonic() + 5.0
        number = 0
        last_ok_s = 0.0
        while time.monotonic() < end_s:
            body = f"{number}".encode()
            outcome = publisher.publish("", queue, body, timeout_s=5.0).outcome
            if outcome is Outcome.OK:
                confirmed.append(body)
                last_ok_s = time.monotonic()
            elif outcome is Outcome.UNSURE:
                unsure.append(body)
            number += 1
        assert end_s - last_ok_s < 1.0
        assert cluster.leader(queue) != leader
        with pytest.raises(Unreachable):
            cluster.broker.tuning(leader)
        drained = cluster.broker.drain(queue, 0.5, 30)
        assert set(confirmed) <= set(drained)
        assert set(drained) <= set(confirmed) | set(unsure)
    finally:
        kill.cancel()
        publisher.close()
        cluster.nodes[leader].container.start()
        cluster.nodes[leader].wait_ready(cluster_probe(cluster.broker), 60)


def test_draining_an_absent_queue_is_refused_at_once(cluster: Cluster) -> None:
    """404 is an answer, not a reason to wait for the deadline."""
    began_s = time.monotonic()
    with pytest.raises(Refused) as refusal:
        cluster.broker.drain("absent", 0.1, 30)
    assert refusal.value.code == "404"
    assert time.monotonic() - began_s < 5
