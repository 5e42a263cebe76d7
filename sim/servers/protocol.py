"""What a scenario may ask of each kind of server: small, typed, and the same for a real server and a rehearsed one.

Methods return what the server said; they raise :class:`sim.errors.Unreachable` when it said nothing. A refusal
(wrong password, access denied) is an answer and is returned, never raised. Times are seconds, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sim.history import Outcome
from sim.servers.answers import Answer as Answer  # noqa: PLC0414 - part of this protocol
from sim.servers.http_protocol import HttpGateway, ServiceEndpoint
from sim.servers.messaging_protocol import Consumer, ConsumerMode, Pipeline
from sim.servers.shelf import Shelf
from sim.servers.walls import BrokerWall, CacheWall, SqlWall, StoreWall


@dataclass(frozen=True, slots=True)
class Account:
    """A MySQL account as ``mysql.user`` has it."""

    user: str
    host: str
    plugin: str


class SqlSession(Protocol):
    """One connection that stays open; one thread owns it."""

    def transact(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """All of them in one transaction, committed; results are read and dropped. Raises Refused, Unreachable."""
        ...

    def close(self) -> None: ...


class CacheSession(Protocol):
    """One connection that stays open; one thread owns it."""

    def pipeline(self, values: Mapping[str, str]) -> None:
        """Set and read back every key in one round trip. Raises Refused for another value, Unreachable."""
        ...

    def close(self) -> None: ...


class SqlServer(Protocol):
    """One MySQL server. Administration goes over its local socket, as the documented probe does, never from afar."""

    name: str

    def login(self, user: str, password: str, database: str | None = None) -> Answer: ...
    def version(self) -> str: ...
    def variables(self, *names: str) -> Mapping[str, str]: ...
    def schemas(self) -> tuple[str, ...]: ...
    def accounts(self) -> tuple[Account, ...]: ...
    def grants(self, user: str, host: str = "%") -> tuple[str, ...]: ...
    def round_trip(self, user: str, password: str, database: str, value: str) -> str:
        """Create a table, insert ``value``, commit, read it back over a second connection, drop the table."""
        ...

    def session(self, user: str, password: str, database: str) -> SqlSession: ...
    def create_account(self, user: str, password: str, schema: str) -> None:
        """For a control: an account that may use ``schema`` here. Always undone by :meth:`drop_account`."""
        ...

    def drop_account(self, user: str) -> None: ...
    def sessions(self) -> Mapping[str, int]:
        """Connections open at present, by user; the one that asks is not counted."""
        ...

    def count(self, schema: str, table: str) -> int:
        """Rows committed in a table. Raises Refused when there is no such table."""
        ...

    def shelf(self, schema: str, table: str) -> Shelf:
        """Rows of a ledger, in a table of its own that the first write makes; as the server's own application."""
        ...

    def set_global(self, name: str, value: str) -> None:
        """For a control: a global variable, until the server starts again."""
        ...


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the server proposed in ``connection.tune``."""

    heartbeat_s: int
    frame_max_bytes: int
    channel_max: int


@dataclass(frozen=True, slots=True)
class Confirm:
    """The fate of one publish: OK acked, FAILED nacked/returned/refused before sending, UNSURE no answer came."""

    outcome: Outcome
    latency_s: float
    message: str = ""


class Publisher(Protocol):
    """Confirmed publishing with reconnection to any live node; one thread owns it."""

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
        """``properties`` are AMQP's own (``type``, ``message_id``, ``reply_to``, ``content_type``…)."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class AmqpAddress:
    """Where and as whom a load generator in a process of its own connects; ``server`` is the node's name."""

    server: str
    host: str
    port: int
    user: str
    vhost: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RaftLog:
    """One member of a quorum queue in its own eyes: its term, and the last entry it knows a majority to have."""

    term: int
    committed: int


class BrokerCluster(Protocol):
    """The RabbitMQ cluster as a client sees it. ``node`` arguments are server names of the plan."""

    nodes: tuple[str, ...]

    def handshake(self, node: str, user: str, password: str, vhost: str) -> Answer: ...
    def tuning(self, node: str) -> Tuning: ...
    def version(self, node: str) -> str: ...
    def running_nodes(self, node: str) -> tuple[str, ...]:
        """Cluster members running, in the eyes of ``node``, as server names."""
        ...

    def partitions(self, node: str) -> tuple[str, ...]: ...
    def set_net_tick(self, node: str, tick_s: int) -> None:
        """How long a node waits for a silent peer before it takes it for down, a quarter more or less (60 s)."""
        ...

    def feature_flags(self, node: str) -> Mapping[str, str]:
        """Feature flag → its state, such as ``enabled``."""
        ...

    def quorum_critical(self, node: str) -> bool:
        """Whether some quorum queue would lose its majority if ``node`` stopped."""
        ...

    def replicas(self, queue: str) -> Mapping[str, int]:
        """Node → the last entry of the quorum queue's log that it has; a node that does not answer is left out."""
        ...

    def plugins(self, node: str) -> tuple[str, ...]: ...
    def environment(self, node: str) -> Mapping[str, Any]:
        """The node's effective ``rabbit`` application environment, keys as in ``rabbitmq.conf``'s schema."""
        ...

    def users(self) -> Mapping[str, tuple[str, ...]]:
        """User → tags."""
        ...

    def permissions(self, vhost: str) -> Mapping[str, tuple[str, str, str]]:
        """User → (configure, write, read) patterns."""
        ...

    def vhosts(self) -> Mapping[str, str]:
        """Virtual host → default queue type."""
        ...

    def exchanges(self, vhost: str) -> Mapping[str, str]:
        """Exchange → type."""
        ...

    def policies(self, vhost: str) -> Mapping[str, Mapping[str, Any]]: ...
    def declare_queue(self, name: str, arguments: Mapping[str, Any] | None = None, *, node: str | None = None) -> None:
        """Durable, on ``node`` when given (its leader then starts there)."""
        ...

    def bind_queue(
        self, name: str, exchange: str, routing_key: str, arguments: Mapping[str, Any] | None = None
    ) -> None:
        """``arguments`` are what a headers exchange matches by (``x-match`` and the headers)."""
        ...

    def delete_queue(self, name: str) -> None: ...
    def queue(self, name: str) -> Mapping[str, Any] | None:
        """``{"type", "leader", "members", "online", "messages", "arguments"}`` with nodes as server names, or None."""
        ...

    def consumers(self, vhost: str) -> Mapping[str, tuple[str, ...]]:
        """Queue → the user of each consumer it has."""
        ...

    def publisher(self, seed: int) -> Publisher: ...
    def pipeline(self, seed: int) -> Pipeline: ...
    def consumer(self, queue: str, mode: ConsumerMode, *, prefetch: int, seed: int) -> Consumer: ...
    def depths(self) -> Mapping[str, int]:
        """Messages waiting in every queue that is not a connection's own, as the queues count them."""
        ...

    def purge(self, queue: str) -> None: ...
    def ready(self, queue: str, node: str) -> int:
        """Messages waiting in ``queue``, as ``node`` says."""
        ...

    def term(self, queue: str) -> int:
        """The highest Raft term any member of a quorum queue reports: each election begins a new one."""
        ...

    def raft_log(self, queue: str, node: str) -> RaftLog:
        """Asks ``node`` alone, which asks no other: it answers at once, cut off or not. Raises Refused, Unreachable."""
        ...

    def connections(self) -> tuple[AmqpAddress, ...]:
        """One for each node; empty when the cluster lives in this process and no other can reach it."""
        ...

    def get(self, queue: str, *, acknowledge: bool = True, requeue: bool = False) -> bytes | None:
        """One message or None when the queue is empty.

        When ``acknowledge`` is False it is rejected, and put back only with ``requeue``.
        """
        ...

    def drain(self, queue: str, idle_s: float, deadline_s: float) -> Sequence[bytes]:
        """Every message, each acknowledged, until none came for ``idle_s``. Raises Unreachable at the deadline."""
        ...

    def take_marked(self, queue: str, header: str, value: str) -> int:
        """Remove the messages whose ``header`` has ``value``, put all others back; how many were removed."""
        ...

    def metrics(self, node: str) -> str: ...


@dataclass(frozen=True, slots=True)
class ObjectAnswer:
    """An S3 answer: HTTP status, S3 error code (empty when none), body and version id when there is one."""

    status: int
    code: str = ""
    body: bytes = b""
    version_id: str = ""

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


class ObjectStore(Protocol):
    """The S3 endpoint; ``anonymous_*`` go without credentials."""

    name: str

    def buckets(self) -> tuple[str, ...]: ...
    def put(self, bucket: str, key: str, body: bytes) -> ObjectAnswer: ...
    def get(self, bucket: str, key: str) -> ObjectAnswer: ...
    def delete(self, bucket: str, key: str, *, every_version: bool = False) -> ObjectAnswer:
        """``every_version`` leaves neither older versions nor delete markers of ``key`` behind."""
        ...

    def versions(self, bucket: str, key: str) -> tuple[str, ...]: ...
    def versioning(self, bucket: str) -> bool: ...
    def lifecycle(self, bucket: str) -> Mapping[str, int]:
        """Rule id → days after which noncurrent versions expire."""
        ...

    def anonymous_get(self, bucket: str, key: str) -> ObjectAnswer: ...
    def anonymous_put(self, bucket: str, key: str, body: bytes) -> ObjectAnswer: ...
    def anonymous_list(self, bucket: str) -> ObjectAnswer: ...
    def presigned_get(self, bucket: str, key: str, expires_s: int, *, tampered: bool = False) -> ObjectAnswer: ...
    def wrong_key_get(self, bucket: str, key: str) -> ObjectAnswer: ...
    def shelf(self, bucket: str, prefix: str) -> Shelf:
        """Objects of a ledger, under a prefix of their own."""
        ...

    def console(self) -> ObjectAnswer:
        """``GET /`` on the documented console port."""
        ...


class CacheServer(Protocol):
    """One Redis."""

    name: str

    def authenticate(self, password: str | None) -> Answer:
        """PING after AUTH with ``password``, or without AUTH when None."""
        ...

    def version(self) -> str: ...
    def config(self, *names: str) -> Mapping[str, str]: ...
    def set(self, key: str, value: str, expires_s: int | None = None) -> None: ...
    def get(self, key: str) -> str | None: ...
    def delete(self, *keys: str) -> None: ...
    def time_to_live_s(self, key: str) -> int: ...
    def shelf(self, prefix: str) -> Shelf:
        """Entries of a ledger, under a prefix of their own."""
        ...

    def configure(self, name: str, value: str) -> None:
        """For a control: a directive, until the server starts again."""
        ...

    def session(self) -> CacheSession: ...
    def stream_round_trip(self, stream: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """XADD then XREAD one entry, then delete the stream."""
        ...


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    job: str
    instance: str
    health: Literal["up", "down", "unknown"]
    interval_s: float
    path: str


class MetricsServer(Protocol):
    """One Prometheus."""

    name: str

    def version(self) -> str: ...
    def retention_s(self) -> float: ...
    def targets(self) -> tuple[ScrapeTarget, ...]: ...
    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        """Alert name → ``{"expr", "for_s", "severity", "state", "health"}``."""
        ...

    def alertmanagers(self) -> tuple[str, ...]: ...
    def query(self, expression: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Instant vector: (labels, value)."""
        ...


class AlertServer(Protocol):
    """One Alertmanager."""

    name: str

    def version(self) -> str: ...
    def peers(self) -> int: ...
    def retention_s(self) -> float: ...
    def routes(self) -> Mapping[str, str]:
        """Severity → receiver, as its running configuration routes it."""
        ...

    def fire(self, name: str, severity: str, labels: Mapping[str, str]) -> None: ...
    def resolve(self, name: str, severity: str, labels: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a receiver got: ``channel`` is email, slack or webhook, ``receiver`` who was addressed."""

    channel: str
    receiver: str
    alert: str
    status: str


class AlertSink(Protocol):
    """The local receiver of every channel; it records what arrives."""

    name: str

    def deliveries(self, alert: str) -> tuple[Delivery, ...]: ...


class ExporterServer(Protocol):
    """Anything with a Prometheus text endpoint."""

    name: str

    def metrics(self, path: str = "/metrics", parameters: Mapping[str, str] | None = None) -> str: ...


class Servers(Protocol):
    """Typed clients of one running stack. Raises KeyError for a name the plan does not have.

    ``modelled``: the servers live in this process, where threads would only take turns.
    """

    modelled: bool

    def sql(self, name: str) -> SqlServer: ...
    def broker(self) -> BrokerCluster: ...
    def object_store(self) -> ObjectStore: ...
    def cache(self) -> CacheServer: ...
    def sql_wall(self, name: str) -> SqlWall: ...
    def broker_wall(self) -> BrokerWall: ...
    def store_wall(self) -> StoreWall: ...
    def cache_wall(self) -> CacheWall: ...
    def prometheus(self, name: str) -> MetricsServer: ...
    def alertmanager(self, name: str) -> AlertServer: ...
    def alert_sink(self) -> AlertSink: ...
    def exporter(self, name: str) -> ExporterServer: ...
    def gateway(self, name: str = "") -> HttpGateway:
        """One pod of the gateway; the first when no name is given."""
        ...

    def service(self, name: str) -> ServiceEndpoint:
        """One pod of a service, or of the gateway."""
        ...

    def storage_hosts(self) -> Mapping[str, str]:
        """``host:port`` of a signed URL → ``host:port`` where the object store is reached from here."""
        ...

    def secret(self, name: str) -> str:
        """The value behind a plan's secret name; never written to a history or a report."""
        ...
