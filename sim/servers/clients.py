"""The typed clients of one running stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sim.clock import Clock, SystemClock
from sim.plan.model import Plan, ServerKind, ServerSpec
from sim.servers.alert_sink import SinkServer
from sim.servers.alertmanager import AlertmanagerServer
from sim.servers.amqp import AmqpLogin
from sim.servers.cache import RedisServer
from sim.servers.cache_wall import RedisWall
from sim.servers.endpoint import Endpoint, EndpointLookup, Exec
from sim.servers.exporter import MetricsExporter
from sim.servers.gateway import GatewayClient, ServiceClient
from sim.servers.mysql import MySqlServer
from sim.servers.mysql_wall import MySqlWall
from sim.servers.object_store import S3Server
from sim.servers.object_store_wall import S3Wall
from sim.servers.prometheus import PrometheusServer
from sim.servers.rabbitmq import RabbitCluster
from sim.servers.rabbitmq_wall import RabbitWall


class LiveServers:
    """Implements :class:`sim.servers.protocol.Servers` for real servers. Making one connects to nothing."""

    modelled = False

    def __init__(
        self,
        plan: Plan,
        endpoint: EndpointLookup,
        secrets: Mapping[str, str],
        execute: Exec,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._plan = plan
        self._endpoint = endpoint
        self._secrets = secrets
        self._execute = execute
        self._clock = clock or SystemClock()
        self._broker: RabbitCluster | None = None
        self._gateways: dict[str, GatewayClient] = {}

    def sql(self, name: str) -> MySqlServer:
        server = self._of_kind(name, "mysql")
        return MySqlServer(
            name,
            self._port(name, "mysql"),
            user=server.facts["user"],
            password=self.secret(server.facts["password_secret"]),
            root_password=self.secret(server.facts["root_password_secret"]),
            execute=self._execute,
        )

    def broker(self) -> RabbitCluster:
        """One client a stack: it remembers what is dear to ask."""
        if self._broker is None:
            nodes = self._plan.of_kind("rabbitmq")
            facts = self._first("rabbitmq").facts
            self._broker = RabbitCluster(
                tuple(node.name for node in nodes),
                self._endpoint,
                application=AmqpLogin(facts["user"], self.secret(facts["password_secret"]), facts["vhost"]),
                administrator=(facts["admin_user"], self.secret(facts["admin_password_secret"])),
                execute=self._execute,
                clock=self._clock,
            )
        return self._broker

    def object_store(self) -> S3Server:
        server = self._first("object-store")
        has_console = any(port.name == "console" for port in server.ports)
        return S3Server(
            server.name,
            self._port(server.name, "s3"),
            access_key=self.secret(server.facts["access_key_secret"]),
            secret_key=self.secret(server.facts["secret_key_secret"]),
            console=self._port(server.name, "console") if has_console else None,
        )

    def cache(self) -> RedisServer:
        server = self._first("redis")
        password = self.secret(server.facts["password_secret"])
        return RedisServer(server.name, self._port(server.name, "redis"), password=password)

    def sql_wall(self, name: str) -> MySqlWall:
        root_password = self.secret(self._of_kind(name, "mysql").facts["root_password_secret"])
        return MySqlWall(name, self._port(name, "mysql"), root_password=root_password, execute=self._execute)

    def broker_wall(self) -> RabbitWall:
        facts = self._first("rabbitmq").facts
        administrator = (facts["admin_user"], self.secret(facts["admin_password_secret"]))
        return RabbitWall(tuple(n.name for n in self._plan.of_kind("rabbitmq")), self._endpoint, administrator)

    def store_wall(self) -> S3Wall:
        return S3Wall(self._port(self._first("object-store").name, "s3"), self.object_store())

    def cache_wall(self) -> RedisWall:
        server = self._first("redis")
        password = self.secret(server.facts["password_secret"])
        return RedisWall(server.name, self._port(server.name, "redis"), password=password)

    def prometheus(self, name: str) -> PrometheusServer:
        return PrometheusServer(name, self._port(self._of_kind(name, "prometheus").name, "http"))

    def alertmanager(self, name: str) -> AlertmanagerServer:
        return AlertmanagerServer(name, self._port(self._of_kind(name, "alertmanager").name, "http"))

    def alert_sink(self) -> SinkServer:
        server = self._first("alert-sink")
        return SinkServer(server.name, self._port(server.name, "http"))

    def exporter(self, name: str) -> MetricsExporter:
        """Any server of the plan with a ``metrics`` port."""
        self._plan.server(name).port("metrics")
        return MetricsExporter(name, self._port(name, "metrics"))

    def gateway(self, name: str = "") -> GatewayClient:
        """One client a pod: it keeps its connections open."""
        chosen = self._of_kind(name, "gateway").name if name else self._first("gateway").name
        if chosen not in self._gateways:
            spec = self._plan.server(chosen)
            pod = Endpoint(spec.address, spec.port("http").number)
            self._gateways[chosen] = GatewayClient(chosen, self._port(chosen, "http"), self._published, pod)
        return self._gateways[chosen]

    def service(self, name: str) -> ServiceClient:
        server = self._plan.server(name)
        if server.kind not in {"gateway", "service"}:
            raise KeyError(f"{name} is a {server.kind}, neither a service nor the gateway")
        return ServiceClient(name, self._port(name, "http"), self._port(name, "metrics"))

    def storage_hosts(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for store in self._plan.of_kind("object-store"):
            port = store.port("s3")
            reached = str(self._endpoint(store.name, port.name))
            found |= {f"{host}:{port.number}": reached for host in (store.name, store.address, *store.aliases)}
        return found

    def secret(self, name: str) -> str:
        return self._secrets[name]

    def _published(self, host: str, port: int) -> Endpoint | None:
        """Where a name and port of the pod network is reached from here; None when no server has that name."""
        for server in self._plan.servers:
            if host in {server.name, server.address, *server.aliases}:
                named = next((p.name for p in server.ports if p.number == port), None)
                return self._endpoint(server.name, named) if named else None
        return None

    def _port(self, server: str, port: str) -> Callable[[], Endpoint]:
        return partial(self._endpoint, server, port)

    def _of_kind(self, name: str, kind: ServerKind) -> ServerSpec:
        server = self._plan.server(name)
        if server.kind != kind:
            raise KeyError(f"{name} is a {server.kind}, not a {kind}")
        return server

    def _first(self, kind: ServerKind) -> ServerSpec:
        servers = self._plan.of_kind(kind)
        if not servers:
            raise KeyError(f"no {kind} in this plan")
        return servers[0]
