"""The RabbitMQ cluster: AMQP for what applications do, the management API for what operators read."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sim.clock import Clock
from sim.errors import Refused, RigError, Unreachable
from sim.servers import broker_contents
from sim.servers.amqp import AmqpLink, AmqpLogin, dial
from sim.servers.amqp_consumer import Drain, count_ready, get_one, take_marked
from sim.servers.amqp_pipeline import PipelinedPublisher
from sim.servers.amqp_publisher import ConfirmedPublisher
from sim.servers.amqp_reader import ReconnectingConsumer
from sim.servers.broker_contents import Definitions
from sim.servers.endpoint import EndpointLookup, Exec
from sim.servers.management import Management
from sim.servers.messaging_protocol import ConsumerMode
from sim.servers.protocol import AmqpAddress, Answer, RaftLog, Tuning
from sim.servers.web import http_get

_DIAL_TIMEOUT_S = 3.0
_CALL_TIMEOUT_S = 10.0
_REPORT_TIMEOUT_S = 12.0
_REPORT_PERIOD_S = 0.25
_SAMPLE = re.compile(r"^(rabbitmq_detailed_raft_\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)
_TERM = "rabbitmq_detailed_raft_term_total"
_COMMITTED = "rabbitmq_detailed_raft_log_commit_index"
_T = TypeVar("_T")


class RabbitCluster:
    """``application`` publishes and consumes; ``administrator`` (user, password) reads the management API."""

    def __init__(
        self,
        nodes: tuple[str, ...],
        endpoint: EndpointLookup,
        *,
        application: AmqpLogin,
        administrator: tuple[str, str],
        execute: Exec,
        clock: Clock,
    ) -> None:
        self.nodes = nodes
        self._endpoint = endpoint
        self._application = application
        self._execute = execute
        self._clock = clock
        self._management = Management(nodes, lambda node: endpoint(node, "management"), *administrator)
        self._environments: dict[str, Mapping[str, Any]] = {}

    def handshake(self, node: str, user: str, password: str, vhost: str) -> Answer:
        """Log in and open ``vhost``; ``403`` refuses the login, ``530`` the virtual host."""
        try:
            self._dial(node, _DIAL_TIMEOUT_S, AmqpLogin(user, password, vhost)).close()
        except Refused as refusal:
            return Answer(accepted=False, code=refusal.code, message=refusal.evidence)
        return Answer(accepted=True, code="0")

    def tuning(self, node: str) -> Tuning:
        link = self._dial(node, _DIAL_TIMEOUT_S)
        link.close()
        if link.tuning is None:
            raise RigError(f"{node} opened a connection without proposing any tuning.")
        return link.tuning

    def version(self, node: str) -> str:
        link = self._dial(node, _DIAL_TIMEOUT_S)
        try:
            return link.server_version
        finally:
            link.close()

    def running_nodes(self, node: str) -> tuple[str, ...]:
        return tuple(sorted(server_name(n["name"]) for n in self._management.ask(node, "nodes") if n.get("running")))

    def partitions(self, node: str) -> tuple[str, ...]:
        """Nodes that ``node`` itself believes to be on another side."""
        return tuple(sorted(server_name(name) for name in self._reported(node, "partitions")))

    def set_net_tick(self, node: str, tick_s: int) -> None:
        """At once, until the node's virtual machine ends. Raises Unreachable with what the node said."""
        code, output = self._execute(node, ("rabbitmqctl", "eval", f"net_kernel:set_net_ticktime({tick_s}, 0)."), {})
        if code != 0 or not any(word in output for word in ("unchanged", "change_initiated")):
            raise Unreachable(f"{node} did not change its net tick (exit code {code}).", evidence=output[-300:])

    def feature_flags(self, node: str) -> Mapping[str, str]:
        return {flag["name"]: str(flag["state"]) for flag in self._management.ask(node, "feature-flags")}

    def quorum_critical(self, node: str) -> bool:
        """Raises Unreachable when the node cannot tell."""
        answer = self._management.look(node, "health", "checks", "node-is-quorum-critical")
        if answer.status not in {200, 503}:
            raise Unreachable(f"{node} does not tell if it is quorum critical.", evidence=answer.text[:200])
        return answer.status == 503

    def replicas(self, queue: str) -> Mapping[str, int]:
        members = self._management.ask_any("queues", "quorum", self._application.vhost, queue, "status")
        return {
            server_name(member["Node Name"]): int(member["Last Log Index"])
            for member in members
            if str(member.get("Last Log Index")).isdigit()
        }

    def grow_quorum_queues(self) -> tuple[str, ...]:
        """Give every quorum queue a member on every node, as ``rabbitmq-queues grow`` does; the queues that grew.

        One that was declared before the cluster was complete has none on the nodes that came later.
        """
        nodes = [str(node["name"]) for node in self._management.ask_any("nodes")]
        grown: list[str] = []
        for queue in self._management.ask_any("queues"):
            missing = [node for node in nodes if node not in (queue.get("members") or nodes)]
            if queue.get("type") == "quorum" and missing:
                for node in missing:
                    self._add_replica(str(queue["vhost"]), str(queue["name"]), node)
                grown.append(str(queue["name"]))
        return tuple(grown)

    def _add_replica(self, vhost: str, queue: str, node: str) -> None:
        """Raises Refused or Unreachable while the queue takes no new member."""
        try:
            self._management.post(("queues", "quorum", vhost, queue, "replicas", "add"), {"node": node})
        except Refused as refusal:
            if refusal.code not in {"404", "405"}:
                raise
            # A release from before this part of its API.
            code, output = self._execute(
                server_name(node), ("rabbitmq-queues", "add_member", queue, node, "-p", vhost), {}
            )
            if code != 0:
                raise Unreachable(f"{queue} got no replica on {node}.", evidence=output[-300:]) from refusal

    def plugins(self, node: str) -> tuple[str, ...]:
        """The plugins enabled by choice; those they imply are not listed."""
        return tuple(sorted(self._reported(node, "enabled_plugins")))

    def environment(self, node: str) -> Mapping[str, Any]:
        """As ``rabbitmqctl environment`` shows it, the one fact no protocol tells; asked once a node, it is dear."""
        if node not in self._environments:
            code, output = self._execute(node, ("rabbitmqctl", "environment", "--formatter", "json"), {})
            if code != 0:
                raise Unreachable(f"{node} gave no answer to rabbitmqctl (exit code {code}).", evidence=output[-300:])
            self._environments[node] = rabbit_environment(output)
        return self._environments[node]

    def users(self) -> Mapping[str, tuple[str, ...]]:
        return {u["name"]: tuple(_tags(u["tags"])) for u in self._management.ask_any("users")}

    def permissions(self, vhost: str) -> Mapping[str, tuple[str, str, str]]:
        found = self._management.find("vhosts", vhost, "permissions") or ()
        return {p["user"]: (p["configure"], p["write"], p["read"]) for p in found}

    def vhosts(self) -> Mapping[str, str]:
        return {v["name"]: str(v.get("default_queue_type", "")) for v in self._management.ask_any("vhosts")}

    def exchanges(self, vhost: str) -> Mapping[str, str]:
        """The predeclared ``amq.*`` ones included; the nameless default exchange is left out."""
        return {e["name"]: e["type"] for e in self._management.find("exchanges", vhost) or () if e["name"]}

    def policies(self, vhost: str) -> Mapping[str, Mapping[str, Any]]:
        """Name → ``{"pattern", "apply-to", "priority", "definition"}``."""
        found = self._management.find("policies", vhost) or ()
        return {p["name"]: {k: p[k] for k in ("pattern", "apply-to", "priority", "definition")} for p in found}

    def declare_queue(self, name: str, arguments: Mapping[str, Any] | None = None, *, node: str | None = None) -> None:
        if node is None:
            self._on_any(lambda link: link.declare_queue(name, arguments, timeout_s=_CALL_TIMEOUT_S))
            return
        # The documented locator is min-masters, which would balance leaders instead of starting them here.
        pinned = {"x-queue-leader-locator": "client-local", **(arguments or {})}
        link = self._dial(node, _DIAL_TIMEOUT_S)
        try:
            link.declare_queue(name, pinned, timeout_s=_CALL_TIMEOUT_S)
        finally:
            link.close()

    def bind_queue(
        self, name: str, exchange: str, routing_key: str, arguments: Mapping[str, Any] | None = None
    ) -> None:
        self._on_any(lambda link: link.bind_queue(name, exchange, routing_key, arguments, timeout_s=_CALL_TIMEOUT_S))

    def delete_queue(self, name: str) -> None:
        self._on_any(lambda link: link.delete_queue(name, timeout_s=_CALL_TIMEOUT_S))

    def queue(self, name: str) -> Mapping[str, Any] | None:
        """``messages`` are those ready, as the queue itself counts them; the rest is the management API's."""
        found = self._management.find("queues", self._application.vhost, name)
        if found is None:
            return None
        ready = self._on_any(lambda link: link.declare_queue(name, None, timeout_s=_CALL_TIMEOUT_S, passive=True))
        leader = found.get("leader") or found.get("node") or ""
        members = found.get("members") or [leader]
        return {
            "type": found.get("type", "classic"),
            "leader": server_name(leader),
            "members": tuple(sorted(server_name(m) for m in members)),
            "online": tuple(sorted(server_name(m) for m in found.get("online") or members)),
            "messages": ready,
            "arguments": dict(found.get("arguments") or {}),
        }

    def consumers(self, vhost: str) -> Mapping[str, tuple[str, ...]]:
        users: dict[str, list[str]] = {}
        for consumer in self._management.ask_any("consumers", vhost):
            user = str((consumer.get("channel_details") or {}).get("user", ""))
            users.setdefault(str(consumer["queue"]["name"]), []).append(user)
        return {queue: tuple(sorted(found)) for queue, found in users.items()}

    def publisher(self, seed: int) -> ConfirmedPublisher:
        # The seed decides who is asked first and how long to back off, not a secret.
        return ConfirmedPublisher(self.nodes, self._dial, self._clock, random.Random(seed))  # noqa: S311

    def pipeline(self, seed: int) -> PipelinedPublisher:
        return PipelinedPublisher(self.nodes, self._dial, self._clock, random.Random(seed))  # noqa: S311 - as above

    def consumer(self, queue: str, mode: ConsumerMode, *, prefetch: int, seed: int) -> ReconnectingConsumer:
        rng = random.Random(seed)  # noqa: S311 - as above
        return ReconnectingConsumer(self.nodes, self._dial, self._clock, rng, queue=queue, mode=mode, prefetch=prefetch)

    def depths(self) -> Mapping[str, int]:
        """One connection asks them all; a queue that went meanwhile is left out."""
        known = self._management.ask_any("queues", self._application.vhost)
        names = sorted(str(queue["name"]) for queue in known if not queue.get("exclusive"))
        return self._on_any(lambda link: count_ready(link, names))

    def purge(self, queue: str) -> None:
        self._on_any(lambda link: link.purge_queue(queue, timeout_s=_CALL_TIMEOUT_S))

    def definitions(self) -> Definitions:
        """Users, virtual hosts, permissions, policies, durable queues and exchanges, bindings."""
        return broker_contents.read(self._management)

    def unlike(self, fresh: Definitions) -> tuple[str, ...]:
        """What is not as ``fresh`` defines it, and which queues hold something."""
        filled = [f"{name} holds {n}" for name, n in self.depths().items() if n]
        return (*broker_contents.unlike(fresh, self.definitions()), *self._transient(fresh), *filled)

    def put_back(self, fresh: Definitions) -> tuple[int, int]:
        """Make the broker what it was, its queues empty: (messages taken away, definitions put right)."""
        held = {name: n for name, n in self.depths().items() if n}
        changed = broker_contents.put_back(self._management, fresh)
        for queue in self._transient(fresh):
            self.delete_queue(queue)
        kept = {queue["name"] for queue in fresh["queues"]}
        for name in held:
            if name in kept:
                self.purge(name)
        return sum(held.values()), changed

    def _transient(self, fresh: Definitions) -> list[str]:
        """Queues that no definition has: neither durable nor somebody's own."""
        known = {queue["name"] for queue in fresh["queues"]}
        found = self._management.ask_any("queues", self._application.vhost)
        return [
            str(queue["name"])
            for queue in found
            if not queue.get("durable") and not queue.get("exclusive") and queue["name"] not in known
        ]

    def ready(self, queue: str, node: str) -> int:
        link = self._dial(node, _DIAL_TIMEOUT_S)
        try:
            return link.declare_queue(queue, None, timeout_s=_CALL_TIMEOUT_S, passive=True)
        finally:
            link.close()

    def term(self, queue: str) -> int:
        members = self._management.ask_any("queues", "quorum", self._application.vhost, queue, "status")
        terms = [member.get("Term") for member in members]
        return max((int(term) for term in terms if str(term).isdigit()), default=0)

    def raft_log(self, queue: str, node: str) -> RaftLog:
        where = self._endpoint(node, "metrics")
        answer = http_get(
            where, "/metrics/detailed", parameters={"family": "ra_metrics", "vhost": self._application.vhost}
        )
        found = {
            name: int(float(number))
            for name, labels, number in _SAMPLE.findall(answer.text)
            if f'queue="{queue}"' in labels
        }
        try:
            return RaftLog(found[_TERM], found[_COMMITTED])
        except KeyError as missing:
            what = f"{node} tells no {missing.args[0]} of {queue}."
            raise Refused(what, str(answer.status), evidence=answer.text[-200:]) from missing

    def connections(self) -> tuple[AmqpAddress, ...]:
        """As the application, by each node's present address."""
        login = self._application
        found = ((node, self._endpoint(node, "amqp")) for node in self.nodes)
        return tuple(AmqpAddress(node, e.host, e.port, login.user, login.vhost, login.password) for node, e in found)

    def get(self, queue: str, *, acknowledge: bool = True, requeue: bool = False) -> bytes | None:
        return self._on_any(lambda link: get_one(link, queue, acknowledge=acknowledge, requeue=requeue))

    def drain(self, queue: str, idle_s: float, deadline_s: float) -> Sequence[bytes]:
        return Drain(self.nodes, self._dial, self._clock).run(queue, idle_s, deadline_s)

    def take_marked(self, queue: str, header: str, value: str) -> int:
        return self._on_any(lambda link: take_marked(link, queue, header, value))

    def metrics(self, node: str) -> str:
        answer = http_get(self._endpoint(node, "metrics"), "/metrics")
        if answer.status != 200:
            raise Refused(
                f"{node} answered {answer.status} to /metrics.", str(answer.status), evidence=answer.text[:200]
            )
        return answer.text

    def _reported(self, node: str, key: str) -> Any:
        """What ``node`` reports of itself. It does so every few seconds: a node just booted has said nothing yet."""
        deadline_s = self._clock.now_s() + _REPORT_TIMEOUT_S
        while True:
            for seen in self._management.ask(node, "nodes"):
                if server_name(seen["name"]) == node and key in seen:
                    return seen[key]
            if self._clock.now_s() >= deadline_s:
                raise Unreachable(f"{node} did not report its {key} within {_REPORT_TIMEOUT_S:g} s.")
            self._clock.sleep_s(_REPORT_PERIOD_S)

    def _dial(self, node: str, timeout_s: float, login: AmqpLogin | None = None) -> AmqpLink:
        return dial(node, self._endpoint(node, "amqp"), login or self._application, timeout_s)

    def _on_any(self, work: Callable[[AmqpLink], _T]) -> _T:
        """Do ``work`` over the first node that lets us in. Work itself is not repeated: it may have happened."""
        silence = Unreachable("no broker node to ask.")
        for node in self.nodes:
            try:
                link = self._dial(node, _DIAL_TIMEOUT_S)
            except Unreachable as error:
                silence = error
                continue
            try:
                return work(link)
            finally:
                link.close()
        raise silence


def server_name(node_name: str) -> str:
    """``rabbit@rabbitmq-cluster-server-0.anything`` → ``rabbitmq-cluster-server-0``."""
    return node_name.rpartition("@")[2].split(".", 1)[0]


def rabbit_environment(output: str) -> Mapping[str, Any]:
    """The ``rabbit`` application's part of ``rabbitmqctl environment``, with the dotted keys of ``rabbitmq.conf``.

    ``{"disk_free_limit": ["mem_relative", 2.0]}`` also gives ``disk_free_limit.relative``, and
    ``{"vm_memory_high_watermark": 0.8}`` ``vm_memory_high_watermark.relative``.
    """
    try:
        everything = json.loads(output[output.index("{") : output.rindex("}") + 1])
        rabbit = dict(everything["rabbit"])
    except (ValueError, KeyError, TypeError) as error:
        raise RigError("rabbitmqctl environment did not give JSON.", evidence=output[:200]) from error
    for key in ("vm_memory_high_watermark", "disk_free_limit"):
        value = rabbit.get(key)
        match value:
            case [str() as kind, limit]:
                rabbit[f"{key}.{kind.removeprefix('mem_')}"] = limit
            case float():
                rabbit[f"{key}.relative"] = value
            case int():
                rabbit[f"{key}.absolute"] = value
    queue_type = re.fullmatch(r"rabbit_(\w+)_queue", str(rabbit.get("default_queue_type", "")))
    if queue_type:
        rabbit["default_queue_type"] = queue_type[1]
    return rabbit


def _tags(tags: Any) -> Sequence[str]:
    return tags.split(",") if isinstance(tags, str) else tags
