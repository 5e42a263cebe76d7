"""The broker's clients in memory: administration, consuming, and a confirmed publisher that loses its connections."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.errors import Refused, Unreachable
from sim.history import Outcome
from sim.runtime.fake.connection import FakeConnection
from sim.runtime.fake.queues import FakeBinding, FakeBroker, FakeMessage, FakeQueue
from sim.runtime.fake.streams import FakeConsumer, FakePipeline
from sim.servers.messaging_protocol import Consumer, ConsumerMode, Pipeline
from sim.servers.protocol import AmqpAddress, Answer, Confirm, Publisher, RaftLog, Tuning

_POLL_S = 0.005
_EXACTNESS = 25.0
_NETWORK_S = 0.001
_ANSWER_TIMEOUT_S = 5.0


class FakeBrokerCluster:
    """The cluster as a client sees it."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._processes = broker.processes
        self._clock = broker.processes.clock
        self.nodes = tuple(broker.nodes)

    def _any_node(self) -> FakeBroker:
        alive = self._broker.alive()
        if not alive:
            raise Unreachable("No node of the broker answers.", evidence="connection refused by every node")
        with self._processes.lock:
            self._broker.settle()
        return self._broker

    def handshake(self, node: str, user: str, password: str, vhost: str) -> Answer:
        self._processes.require(node)
        known = self._broker.users.get(user)
        loopback_only = user == "guest" and self._broker.nodes[node].settings.get("loopback_users.guest") != "false"
        wrong = known is None or known.password != password
        if (wrong and self._broker.check_passwords) or loopback_only:
            return Answer(accepted=False, code="403", message=f"ACCESS_REFUSED - login refused for user '{user}'")
        if vhost not in self._broker.vhosts:
            return Answer(accepted=False, code="530", message=f"NOT_ALLOWED - vhost {vhost} not found")
        if user not in self._broker.permissions.get(vhost, {}):
            return Answer(accepted=False, code="530", message=f"NOT_ALLOWED - access to vhost {vhost} refused")
        return Answer(accepted=True, code="0")

    def tuning(self, node: str) -> Tuning:
        self._processes.require(node)
        settings = self._broker.nodes[node].settings
        return Tuning(
            int(settings.get("heartbeat", 60)),
            int(settings.get("frame_max", 131072)),
            int(settings.get("channel_max", 2047)),
        )

    def version(self, node: str) -> str:
        self._processes.require(node)
        return self._broker.nodes[node].version

    def running_nodes(self, node: str) -> tuple[str, ...]:
        self._processes.require(node)
        cut_off = self._broker.partitions.get(node, ())
        return tuple(o for o in self._broker.alive() if o not in cut_off and self._processes.talk(node, o))

    def partitions(self, node: str) -> tuple[str, ...]:
        self._processes.require(node)
        with self._processes.lock:
            self._broker.settle()
        return self._broker.partitions.get(node, ())

    def set_net_tick(self, node: str, tick_s: int) -> None:
        self._processes.require(node)
        self._broker.nodes[node].settings["net_ticktime"] = tick_s

    def feature_flags(self, node: str) -> Mapping[str, str]:
        self._processes.require(node)
        return {"quorum_queue": "enabled", "khepri_db": "enabled" if self._broker.net.khepri else "disabled"}

    def quorum_critical(self, node: str) -> bool:
        self._processes.require(node)
        with self._processes.lock:
            queues = [queue for queue in self._broker.queues.values() if queue.type == "quorum"]
            up = set(self._broker.alive()) - {node}
            return any(
                node in queue.members and 2 * len(up & set(queue.members)) <= len(queue.members) for queue in queues
            )

    def replicas(self, queue: str) -> Mapping[str, int]:
        held = self._served(queue)
        return {m: held.written for m in held.members if self._processes.talk(str(held.leader), m)}

    def plugins(self, node: str) -> tuple[str, ...]:
        self._processes.require(node)
        return tuple(self._broker.nodes[node].plugins)

    def environment(self, node: str) -> Mapping[str, Any]:
        self._processes.require(node)
        return dict(self._broker.nodes[node].settings)

    def users(self) -> Mapping[str, tuple[str, ...]]:
        return {name: user.tags for name, user in self._any_node().users.items()}

    def permissions(self, vhost: str) -> Mapping[str, tuple[str, str, str]]:
        return dict(self._any_node().permissions.get(vhost, {}))

    def vhosts(self) -> Mapping[str, str]:
        return dict(self._any_node().vhosts)

    def exchanges(self, vhost: str) -> Mapping[str, str]:
        broker = self._any_node()
        return dict(broker.exchanges) if vhost == broker.vhost else {}

    def policies(self, vhost: str) -> Mapping[str, Mapping[str, Any]]:
        broker = self._any_node()
        return dict(broker.policies) if vhost == broker.vhost else {}

    def declare_queue(self, name: str, arguments: Mapping[str, Any] | None = None, *, node: str | None = None) -> None:
        if node is not None:
            self._processes.require(node)
            peers = [other for other in self.nodes if self._processes.talk(node, other)]
            if self._broker.net.khepri and 2 * len(peers) <= len(self.nodes):
                self._clock.sleep_s(_ANSWER_TIMEOUT_S)
                raise Unreachable(f"{node} gave no answer over AMQP.", evidence="no majority to commit the declaration")
        broker = self._any_node()
        with self._processes.lock:
            broker.declare(name, arguments or {}, node)

    def bind_queue(
        self, name: str, exchange: str, routing_key: str, arguments: Mapping[str, Any] | None = None
    ) -> None:
        broker = self._any_node()
        with self._processes.lock:
            if name not in broker.queues or exchange not in broker.exchanges:
                raise Refused(f"The broker refused to bind {name} to {exchange} (404).", "404", evidence="NOT_FOUND")
            broker.bindings.append(FakeBinding(exchange, name, routing_key, arguments or {}))

    def delete_queue(self, name: str) -> None:
        broker = self._any_node()
        with self._processes.lock:
            broker.queues.pop(name, None)
            broker.bindings = [binding for binding in broker.bindings if binding.queue != name]

    def queue(self, name: str) -> Mapping[str, Any] | None:
        broker = self._any_node()
        with self._processes.lock:
            queue = broker.queues.get(name)
            if queue is None:
                return None
            return {
                "type": queue.type,
                "leader": queue.leader or "",
                "members": list(queue.members),
                "online": [member for member in queue.members if self._processes.answers(member)],
                "messages": len(queue.messages),
                "arguments": dict(queue.arguments),
            }

    def consumers(self, vhost: str) -> Mapping[str, tuple[str, ...]]:
        broker = self._any_node()
        return dict(broker.consumers) if vhost == broker.vhost else {}

    def take_marked(self, queue: str, header: str, value: str) -> int:
        held = self._served(queue)
        with self._processes.lock:
            others = [message for message in held.messages if message.headers.get(header) != value]
            taken = len(held.messages) - len(others)
            held.messages[:] = others
        return taken

    def publisher(self, seed: int) -> Publisher:
        return FakePublisher(self._broker, random.Random(seed))  # noqa: S311 - repeatable, not secret

    def pipeline(self, seed: int) -> Pipeline:
        return FakePipeline(self._broker, random.Random(seed))  # noqa: S311 - repeatable, not secret

    def consumer(self, queue: str, mode: ConsumerMode, *, prefetch: int, seed: int) -> Consumer:
        rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        return FakeConsumer(self._broker, queue, mode, prefetch, rng)

    def depths(self) -> Mapping[str, int]:
        broker = self._any_node()
        with self._processes.lock:
            return {name: len(queue.messages) for name, queue in broker.queues.items()}

    def purge(self, queue: str) -> None:
        held = self._served(queue)
        with self._processes.lock:
            held.messages.clear()

    def ready(self, queue: str, node: str) -> int:
        self._processes.require(node)
        return len(self._served(queue).messages)

    def term(self, queue: str) -> int:
        held = self._any_node().queues.get(queue)
        if held is None or held.type != "quorum":
            raise Refused(f"The broker has no quorum queue {queue} (404).", "404", evidence="NOT_FOUND")
        return held.term

    def raft_log(self, queue: str, node: str) -> RaftLog:
        self._processes.require(node)
        held = self._any_node().queues.get(queue)
        if held is None or held.type != "quorum":
            raise Refused(f"{node} tells no log of {queue}.", "200", evidence="no such queue")
        return RaftLog(held.term, held.logs.get(node, 0))

    def connections(self) -> tuple[AmqpAddress, ...]:
        return ()

    def _served(self, name: str) -> FakeQueue:
        """The queue, once somebody serves it. Raises Unreachable when nobody does in time."""
        deadline_s = self._clock.now_s() + _ANSWER_TIMEOUT_S
        while True:
            broker = self._any_node()
            queue = broker.queues.get(name)
            if queue is None:
                raise Refused(f"The broker has no queue {name} (404).", "404", evidence="NOT_FOUND")
            if broker.serving(queue):
                return queue
            if self._clock.now_s() >= deadline_s:
                raise Unreachable(f"Queue {name} has no leader.", evidence=f"waited {_ANSWER_TIMEOUT_S:g} s")
            self._clock.sleep_s(_POLL_S)

    def get(self, queue: str, *, acknowledge: bool = True, requeue: bool = False) -> bytes | None:
        held = self._served(queue)
        with self._processes.lock:
            if not held.messages:
                return None
            body = held.messages[0].body
            if acknowledge:
                del held.messages[0]
            elif requeue:
                self._broker.hand_back(held)
            else:
                self._broker.dead_letter(held, held.messages.pop(0))
            return body

    def drain(self, queue: str, idle_s: float, deadline_s: float) -> Sequence[bytes]:
        bodies: list[bytes] = []
        ends_s = self._clock.now_s() + deadline_s
        quiet_since_s = self._clock.now_s()
        while self._clock.now_s() - quiet_since_s < idle_s:
            if self._clock.now_s() >= ends_s:
                raise Unreachable(f"{queue} was not empty after {deadline_s:g} s.", evidence=f"{len(bodies)} read")
            body = self.get(queue)
            if body is None:
                self._clock.sleep_s(min(_POLL_S * 4, idle_s))
            else:
                bodies.append(body)
                quiet_since_s = self._clock.now_s()
        return tuple(bodies)

    def metrics(self, node: str) -> str:
        self._processes.require(node)
        queues = self._any_node().queues.values()
        ready = sum(len(queue.messages) for queue in queues if queue.leader == node)
        own = self._broker.nodes[node]
        samples = {
            "rabbitmq_build_info": f'rabbitmq_build_info{{rabbitmq_version="{own.version}"}} 1',
            "rabbitmq_queues": f"rabbitmq_queues {sum(queue.leader == node for queue in queues)}",
            "rabbitmq_queue_messages_ready": f"rabbitmq_queue_messages_ready {ready}",
        }
        return "".join(f"# TYPE {n} gauge\n{line}\n" for n, line in samples.items() if n not in own.withheld)


class FakePublisher:
    """Connected to one live node at a time; what it was doing when that node died may or may not have happened."""

    def __init__(self, broker: FakeBroker, rng: random.Random) -> None:
        self._broker = broker
        self._processes = broker.processes
        self._clock = broker.processes.clock
        self._connection = FakeConnection(broker, rng)

    def close(self) -> None:
        self._connection.close()

    def _until(self, condition: Callable[[], bool], deadline_s: float) -> bool:
        """False at the deadline, or when the connection went first."""
        began_s = self._clock.now_s()
        while not condition():
            waited_s = self._clock.now_s() - began_s
            if began_s + waited_s >= deadline_s or not self._connection.is_open:
                return False
            # As exact as the wait is long: a majority that never comes is not asked for a thousand times.
            self._clock.sleep_s(max(_POLL_S, waited_s / _EXACTNESS))
        return True

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        persistent: bool = True,
        timeout_s: float = 5.0,
        headers: Mapping[str, Any] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> Confirm:
        began_s = self._clock.now_s()
        deadline_s = began_s + timeout_s

        def confirm(outcome: Outcome, message: str = "") -> Confirm:
            return Confirm(outcome, self._clock.now_s() - began_s, message)

        if not self._connection.open(deadline_s):
            return confirm(Outcome.FAILED, "no node accepts connections")
        self._clock.sleep_s(_NETWORK_S)
        with self._processes.lock:
            if exchange and exchange not in self._broker.exchanges:
                return confirm(Outcome.FAILED, f"404 NOT_FOUND - no exchange '{exchange}'")
            self._broker.settle()
            queues = self._broker.route(exchange, routing_key, headers or {})
            if not queues and self._broker.return_unroutable:
                return confirm(Outcome.FAILED, "312 NO_ROUTE")
            if not self._connection.is_open:
                return confirm(Outcome.UNSURE, "connection lost before the confirm")
            message = FakeMessage(body, persistent, dict(headers or {}), dict(properties or {}))
            for queue in queues:
                self._broker.enqueue(queue, message.copy())

        def enqueued() -> bool:
            with self._processes.lock:
                self._broker.settle()
                return all(self._broker.serving(queue) for queue in queues)

        if not self._until(enqueued, deadline_s):
            return confirm(Outcome.UNSURE, "no confirm in time" if self._connection.is_open else "connection lost")
        self._clock.sleep_s(_NETWORK_S)
        return confirm(Outcome.OK) if self._connection.is_open else confirm(Outcome.UNSURE, "connection lost")
