"""All modelled servers of one plan, behind the protocols of the real ones."""

from __future__ import annotations

import functools
import random
import string
from collections.abc import Mapping

from sim.clock import Clock
from sim.errors import RigError, Unreachable
from sim.fresh import Reset
from sim.plan.access import bucket_users
from sim.plan.model import Plan, ServerKind
from sim.runtime.fake import alerting, mysql, object_store, prometheus, redis
from sim.runtime.fake.control import FakeControl, zone
from sim.runtime.fake.exporters import FakeExporterServer, FakeHost, mysql_probe
from sim.runtime.fake.mysql_wall import FakeSqlWall
from sim.runtime.fake.object_store_wall import FakeStoreWall
from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.queues import FakeBroker
from sim.runtime.fake.rabbitmq import FakeBrokerCluster
from sim.runtime.fake.rabbitmq_wall import FakeBrokerWall
from sim.runtime.fake.redis_wall import FakeCacheWall
from sim.runtime.fake.resetting import FakeResets
from sim.runtime.fake.rules import FakeRules
from sim.runtime.fake.shop.clients import FakeGatewayClient, FakeServiceClient
from sim.runtime.fake.shop.shop import FakeShop
from sim.runtime.fake.shop.storage import Storage
from sim.servers.http_protocol import HttpGateway, ServiceEndpoint
from sim.servers.protocol import (
    AlertServer,
    AlertSink,
    BrokerCluster,
    CacheServer,
    ExporterServer,
    MetricsServer,
    ObjectStore,
    Servers,
    SqlServer,
)
from sim.servers.walls import BrokerWall, CacheWall, SqlWall, StoreWall
from sim.topology.model import Topology

_DEFAULT_ELECTION_S = 0.4
_DEFAULT_BOOT_S = 1.0


class FakePlatform:
    """A conformant platform until someone spoils it: every state below is there to be changed by a test.

    ``servers`` and ``control`` are what a scenario is given; ``processes`` is the engine's view; ``databases``,
    ``broker``, ``objects``, ``caches``, ``metrics``, ``alertmanagers``, ``host``, ``shop`` (the gateway and the
    services) and ``zone`` (fully qualified name → addresses) are the state behind them; ``resets`` knows the
    first one.
    """

    def __init__(
        self,
        topology: Topology,
        plan: Plan,
        clock: Clock,
        seed: int,
        *,
        election_s: float = _DEFAULT_ELECTION_S,
        boot_s: float = _DEFAULT_BOOT_S,
    ) -> None:
        rng = random.Random(seed)  # noqa: S311 - repeatable on purpose; a modelled secret opens nothing
        self.topology = topology
        self.plan = plan
        self.secrets = {name: f"fake-{rng.getrandbits(128):032x}" for name in plan.secret_names}
        self.processes = FakeProcesses(plan, clock, boot_s)
        self.databases = {s.name: mysql.boot(s, self.substitute) for s in plan.of_kind("mysql")}
        self.broker = FakeBroker(plan.of_kind("rabbitmq"), self.processes, self.substitute, rng, election_s)
        self.objects = {s.name: object_store.set_up(s, topology.object_store) for s in plan.of_kind("object-store")}
        self.caches = {s.name: redis.boot(s, self.substitute) for s in plan.of_kind("redis")}
        self.metrics = {s.name: prometheus.boot(s) for s in plan.of_kind("prometheus")}
        self.alertmanagers = {s.name: alerting.boot(s) for s in plan.of_kind("alertmanager")}
        self.outbox = alerting.FakeOutbox()
        self.rules = FakeRules(tuple(self.databases), self.processes, self.alertmanagers, self.outbox)
        self.host = FakeHost()
        self.shop = FakeShop(
            topology,
            plan,
            processes=self.processes,
            broker=self.broker,
            databases=self.databases,
            storage=self._storage(plan, rng),
            secrets=self.secrets,
            rng=rng,
        )
        self.processes.died.append(self._forget)
        self.zone = zone(plan)
        self.control = FakeControl(plan, self.processes, self.zone)
        self.servers: Servers = FakeServers(self)
        self.resets = FakeResets(self)

    def reset(self) -> Reset:
        """Everything as it was when this platform was made."""
        return self.resets.run()

    def _forget(self, server: str) -> None:
        """What a death takes with it."""
        for states in (self.databases, self.objects, self.caches):
            if server in states:
                states[server].die(self.processes.clock.now_s())

    def _storage(self, plan: Plan, rng: random.Random) -> Storage:
        """Where pre-signed URLs lead."""
        key = f"{rng.getrandbits(128):032x}"
        for spec in plan.of_kind("object-store"):
            store = object_store.FakeObjectStore(spec, self.objects[spec.name], self.processes)
            return Storage(store, f"{spec.name}.{spec.namespace}:{spec.ports[0].number}", key)
        return Storage(None, "", key)

    def substitute(self, text: str) -> str:
        """Secrets in place of ``${NAME}``."""
        return string.Template(text).safe_substitute(self.secrets)

    def scrape(self, scraper: str, address: str, path: str, parameter: str) -> str | None:
        """The page ``scraper`` gets from ``host:port``, None when nothing answers there."""
        found = self.control.lookup(scraper, address.partition(":")[0])
        for server in self.plan.servers:
            if server.address in found and self.processes.answers(server.name):
                return self.page(server.name, path, parameter)
        return None

    def page(self, server: str, path: str, parameter: str) -> str | None:
        """One server's metrics page as it is now, None when it has none."""
        match self.plan.server(server).kind:
            case "rabbitmq":
                return self.servers.broker().metrics(server)
            case "node-exporter":
                return self.host.node_metrics()
            case "mysql-exporter" if path == "/probe":
                return mysql_probe(self.plan, self.processes, self._exporter_may_log_in, parameter)
            case "mysql-exporter" | "object-store" | "prometheus" | "alertmanager" | "gateway" | "service":
                return "process_start_time_seconds 1\n"
            case _:
                return None

    def _exporter_may_log_in(self, server: str) -> bool:
        return ("exporter", "%") in self.databases[server].accounts


class FakeServers:
    """Typed clients of one modelled platform."""

    modelled = True

    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    def _sole(self, kind: ServerKind) -> str:
        named = self._platform.plan.of_kind(kind)
        if not named:
            raise RigError(f"This stack has no {kind}.", next_step="start it with all servers, or without --only")
        return named[0].name

    def sql(self, name: str) -> SqlServer:
        spec = self._platform.plan.server(name)
        return mysql.FakeSqlServer(spec, self._platform.databases[name], self._platform.processes)

    def broker(self) -> BrokerCluster:
        self._sole("rabbitmq")
        return FakeBrokerCluster(self._platform.broker)

    def object_store(self) -> ObjectStore:
        name = self._sole("object-store")
        spec = self._platform.plan.server(name)
        return object_store.FakeObjectStore(spec, self._platform.objects[name], self._platform.processes)

    def cache(self) -> CacheServer:
        name = self._sole("redis")
        spec = self._platform.plan.server(name)
        return redis.FakeCacheServer(spec, self._platform.caches[name], self._platform.processes)

    def sql_wall(self, name: str) -> SqlWall:
        platform = self._platform
        platform.plan.server(name)
        return FakeSqlWall(name, platform.databases[name], platform.processes)

    def broker_wall(self) -> BrokerWall:
        self._sole("rabbitmq")
        return FakeBrokerWall(self._platform.broker)

    def store_wall(self) -> StoreWall:
        platform, name = self._platform, self._sole("object-store")
        users = bucket_users(platform.topology)
        secrets = {user.name: platform.secrets[user.secret_key_secret] for user in users}
        store = object_store.FakeObjectStore(platform.plan.server(name), platform.objects[name], platform.processes)
        owners = {user.name: user.bucket for user in users}
        return FakeStoreWall(store, platform.objects[name], platform.processes, secrets, owners)

    def cache_wall(self) -> CacheWall:
        name = self._sole("redis")
        return FakeCacheWall(name, self._platform.caches[name], self._platform.processes)

    def prometheus(self, name: str) -> MetricsServer:
        platform = self._platform
        spec = platform.plan.server(name)
        scrape = functools.partial(platform.scrape, name)
        return prometheus.FakeMetricsServer(
            spec, platform.metrics[name], platform.processes, scrape, platform.rules.state
        )

    def alertmanager(self, name: str) -> AlertServer:
        platform = self._platform
        spec = platform.plan.server(name)
        return alerting.FakeAlertServer(spec, platform.alertmanagers[name], platform.processes, platform.outbox)

    def alert_sink(self) -> AlertSink:
        return alerting.FakeAlertSink(self._sole("alert-sink"), self._platform.processes, self._platform.outbox)

    def exporter(self, name: str) -> ExporterServer:
        platform = self._platform
        platform.plan.server(name)

        def answer(path: str, parameters: Mapping[str, str]) -> str:
            page = platform.page(name, path, parameters.get("target", ""))
            if page is None:
                raise Unreachable(f"{name} has no metrics.", evidence="404 Not Found")
            return page

        return FakeExporterServer(name, platform.processes, answer)

    def gateway(self, name: str = "") -> HttpGateway:
        chosen = name or self._sole("gateway")
        if self._platform.plan.server(chosen).kind != "gateway":
            raise KeyError(f"{chosen} is not the gateway")
        return FakeGatewayClient(chosen, self._platform.shop)

    def service(self, name: str) -> ServiceEndpoint:
        spec = self._platform.plan.server(name)
        return FakeServiceClient(name, spec.kind, self._platform.shop, self._platform.processes)

    def storage_hosts(self) -> Mapping[str, str]:
        """Nothing here is dialled."""
        return {}

    def secret(self, name: str) -> str:
        return self._platform.secrets[name]
