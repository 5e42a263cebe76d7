"""A RabbitMQ cluster's state in memory: users, exchanges, bindings, and queues with their replicas and leaders."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.plan.model import ServerSpec
from sim.runtime.fake.partitions import FakePartitions
from sim.runtime.fake.processes import FakeProcesses

# Ra suspects a silent node only after a while; a node whose sockets closed is known dead at once.
_SUSPICION_S = 3.0


@dataclass(slots=True)
class FakeMessage:
    body: bytes
    persistent: bool
    headers: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    expires_at_s: float | None = None
    returned: int = 0

    def copy(self) -> FakeMessage:
        """The same message on its way to another queue."""
        return FakeMessage(self.body, self.persistent, self.headers, self.properties)


@dataclass(slots=True)
class FakeQueue:
    """``leader`` None: nobody serves it. ``pending`` are publishes that reached no leader and may yet be enqueued.

    ``written`` entries there are, and each member has as many as it has in ``logs``.
    """

    name: str
    type: str
    members: tuple[str, ...]
    leader: str | None
    arguments: dict[str, Any]
    messages: list[FakeMessage] = field(default_factory=list)
    pending: list[FakeMessage] = field(default_factory=list)
    vacant_since_s: float = 0.0
    term: int = 1
    written: int = 0
    logs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FakeBinding:
    exchange: str
    queue: str
    routing_key: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class FakeNode:
    """One node's own configuration. ``withheld`` are metrics it does not offer."""

    version: str
    settings: dict[str, Any]
    plugins: list[str]
    withheld: set[str] = field(default_factory=set)


@dataclass(slots=True)
class FakeUser:
    password: str
    tags: tuple[str, ...]


class FakeBroker:
    """Everything the cluster's nodes agree on. Fields are public: a test spoils them, a client reads them.

    ``check_passwords`` off is an authentication backend that believes everybody; ``return_unroutable`` off a broker
    that confirms what it cannot deliver and drops it. ``consumers`` are queue → users, and ``consume`` lets them work
    off what is ready whenever the queues are brought to the present.
    """

    def __init__(
        self,
        specs: tuple[ServerSpec, ...],
        processes: FakeProcesses,
        substitute: Callable[[str], str],
        rng: random.Random,
        election_s: float,
    ) -> None:
        self.processes = processes
        self.election_s = election_s
        self.nodes = {spec.name: _boot_node(spec) for spec in specs}
        self.check_passwords = True
        self.return_unroutable = True
        self.net = FakePartitions(processes, {name: node.settings for name, node in self.nodes.items()})
        self.partitions = self.net.seen
        self.users: dict[str, FakeUser] = {}
        self.vhosts: dict[str, str] = {}
        self.permissions: dict[str, dict[str, tuple[str, str, str]]] = {}
        self.exchanges: dict[str, str] = {}
        self.alternates: dict[str, str] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.bindings: list[FakeBinding] = []
        self.queues: dict[str, FakeQueue] = {}
        self.consumers: dict[str, tuple[str, ...]] = {}
        self.consume: Callable[[], None] = _nobody
        self.vhost = specs[0].facts["vhost"] if specs else "/"
        self._rng = rng
        for spec in specs[:1]:
            self._import(json.loads(substitute(_file(spec, "definitions.json") or "{}")))
        processes.died.append(self._died)

    def _import(self, definitions: Mapping[str, Any]) -> None:
        for vhost in definitions.get("vhosts", ()):
            self.vhosts[vhost["name"]] = vhost.get("default_queue_type", "classic")
        for user in definitions.get("users", ()):
            self.users[user["name"]] = FakeUser(user["password"], tuple(user["tags"]))
        for grant in definitions.get("permissions", ()):
            patterns = (grant["configure"], grant["write"], grant["read"])
            self.permissions.setdefault(grant["vhost"], {})[grant["user"]] = patterns
        for exchange in definitions.get("exchanges", ()):
            self.exchanges[exchange["name"]] = exchange["type"]
            if alternate := exchange["arguments"].get("alternate-exchange"):
                self.alternates[exchange["name"]] = alternate
        for policy in definitions.get("policies", ()):
            self.policies[policy["name"]] = {
                "pattern": policy["pattern"],
                "priority": policy["priority"],
                "definition": dict(policy["definition"]),
            }
        for queue in definitions.get("queues", ()):
            self.declare(queue["name"], queue["arguments"], None)
        for binding in definitions.get("bindings", ()):
            key, arguments = binding["routing_key"], binding["arguments"]
            self.bindings.append(FakeBinding(binding["source"], binding["destination"], key, arguments))

    def alive(self) -> tuple[str, ...]:
        return tuple(node for node in self.nodes if self.processes.answers(node))

    def _died(self, server: str) -> None:
        if server in self.nodes:
            for queue in self.queues.values():
                if queue.type == "classic" and queue.leader == server:
                    queue.messages = [message for message in queue.messages if message.persistent]

    def declare(self, name: str, arguments: Mapping[str, Any], node: str | None) -> FakeQueue:
        """A durable queue of the type asked for, else of the virtual host's default; there already is fine."""
        if name not in self.queues:
            kind = str(arguments.get("x-queue-type") or self.vhosts.get(self.vhost, "classic"))
            nodes = tuple(self.nodes)
            leader = node or self._rng.choice(self.alive() or nodes)
            members = nodes if kind == "quorum" else (leader,)
            self.queues[name] = FakeQueue(name, kind, members, leader, {**arguments, "x-queue-type": kind})
        return self.queues[name]

    def settle(self) -> None:
        """Bring every queue to the present: elections that are due, publishes that waited, messages that expired."""
        self.net.settle()
        for queue in tuple(self.queues.values()):
            if queue.type == "quorum":
                self._elect(queue)
            if self.serving(queue):
                queue.messages.extend(queue.pending)
                queue.pending.clear()
                self._replicate(queue)
                self._expire(queue)
        self.consume()

    def serving(self, queue: FakeQueue) -> bool:
        if queue.leader is None or not self.processes.answers(queue.leader):
            return False
        return queue.type != "quorum" or self._has_majority(queue, queue.leader)

    def serves(self, queue: FakeQueue, node: str) -> bool:
        """Whether a client of ``node`` gets an answer from the queue's leader."""
        return self.serving(queue) and queue.leader is not None and self.processes.talk(node, queue.leader)

    def _has_majority(self, queue: FakeQueue, leader: str) -> bool:
        return 2 * sum(self.processes.talk(leader, member) for member in queue.members) > len(queue.members)

    def _elect(self, queue: FakeQueue) -> None:
        now_s = self.processes.clock.now_s()
        if queue.leader is not None and not self.processes.answers(queue.leader):
            former = self.processes[queue.leader]
            queue.vacant_since_s = former.down_since_s + (_SUSPICION_S if former.state == "paused" else 0.0)
            queue.leader = None
        elif queue.leader is not None and not self._has_majority(queue, queue.leader):
            queue.vacant_since_s = now_s + _SUSPICION_S
            queue.leader = None
        if queue.leader is None:
            fit = [member for member in queue.members if self._has_majority(queue, member)]
            if not fit:
                queue.vacant_since_s = max(queue.vacant_since_s, now_s)
            elif now_s >= queue.vacant_since_s + self.election_s:
                queue.leader = self._rng.choice(fit)
                queue.term += 1

    def _replicate(self, queue: FakeQueue) -> None:
        for member in queue.members:
            if queue.leader and self.processes.talk(queue.leader, member):
                queue.logs[member] = queue.written

    def _expire(self, queue: FakeQueue) -> None:
        now_s = self.processes.clock.now_s()
        dead = [m for m in queue.messages if m.expires_at_s is not None and now_s >= m.expires_at_s]
        if dead:
            queue.messages = [m for m in queue.messages if m not in dead]
            for message in dead:
                self.dead_letter(queue, message)

    def _setting(self, queue: FakeQueue, name: str) -> Any:
        """A queue's own argument, else that of the one matching policy that comes first."""
        if f"x-{name}" in queue.arguments:
            return queue.arguments[f"x-{name}"]
        matching = [policy for policy in self.policies.values() if re.search(policy["pattern"], queue.name)]
        first = max(matching, key=lambda policy: int(policy["priority"]), default=None)
        return first["definition"].get(name) if first else None

    def dead_letter(self, queue: FakeQueue, message: FakeMessage) -> None:
        exchange = self._setting(queue, "dead-letter-exchange")
        key = str(self._setting(queue, "dead-letter-routing-key") or queue.name)
        if exchange == "" or str(exchange) in self.exchanges:
            for target in self.route(str(exchange), key, {}):
                letter = message.copy()
                letter.headers = {"x-first-death-queue": queue.name, **letter.headers}
                self.enqueue(target, letter)

    def enqueue(self, queue: FakeQueue, message: FakeMessage) -> None:
        queue.written += 1
        ttl_ms = self._setting(queue, "message-ttl")
        if ttl_ms is not None:
            message.expires_at_s = self.processes.clock.now_s() + float(ttl_ms) / 1000
        (queue.messages if self.serving(queue) else queue.pending).append(message)
        self._trim(queue)

    def _trim(self, queue: FakeQueue) -> None:
        """Drop the oldest beyond ``max-length``, the default overflow behaviour."""
        length = self._setting(queue, "max-length")
        while length is not None and len(queue.messages) > int(length):
            self.dead_letter(queue, queue.messages.pop(0))

    def hand_back(self, queue: FakeQueue) -> None:
        """Requeue the first message, unless it came back more often than ``delivery-limit`` allows."""
        message = queue.messages[0]
        message.returned += 1
        limit = self._setting(queue, "delivery-limit")
        if limit is not None and message.returned > int(limit):
            self.dead_letter(queue, queue.messages.pop(0))

    def route(self, exchange: str, key: str, headers: Mapping[str, Any]) -> list[FakeQueue]:
        """The queues a message goes to, by the alternate exchange when by no other way.

        A classic queue on a dead node has no route, as its bindings are gone.
        """
        if exchange == "":
            names = [key]
        else:
            kind = self.exchanges[exchange]
            names = [b.queue for b in self.bindings if b.exchange == exchange and _matches(kind, b, key, headers)]
        found = [self.queues[name] for name in dict.fromkeys(names) if name in self.queues]
        reached = [queue for queue in found if queue.type == "quorum" or self.serving(queue)]
        alternate = self.alternates.get(exchange)
        return reached if reached or alternate not in self.exchanges else self.route(alternate, key, headers)


def _nobody() -> None:
    """No queue has a consumer."""


def _matches(kind: str, binding: FakeBinding, key: str, headers: Mapping[str, Any]) -> bool:
    if kind == "fanout":
        return True
    if kind == "direct":
        return binding.routing_key == key
    if kind == "topic":
        return _topic_matches(binding.routing_key.split("."), key.split("."))
    wanted = {name: value for name, value in binding.arguments.items() if name != "x-match"}
    hits = [headers.get(name) == value for name, value in wanted.items()]
    return any(hits) if binding.arguments.get("x-match") == "any" else all(hits)


def _topic_matches(pattern: list[str], words: list[str]) -> bool:
    """``*`` is one word, ``#`` any number of them."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_topic_matches(pattern[1:], words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and pattern[0] in {"*", words[0]} and _topic_matches(pattern[1:], words[1:])


def _file(spec: ServerSpec, name: str) -> str:
    return next((f.content for f in spec.files if f.path.endswith(f"/{name}")), "")


def _boot_node(spec: ServerSpec) -> FakeNode:
    """Read ``rabbitmq.conf`` and ``enabled_plugins`` as the node does."""
    lines = (line.partition("=") for line in _file(spec, "rabbitmq.conf").splitlines() if "=" in line)
    settings = {key.strip(): _value(value.strip()) for key, _, value in lines}
    plugins = re.findall(r"\w+", _file(spec, "enabled_plugins"))
    return FakeNode(spec.image.version, settings, plugins)


def _value(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
