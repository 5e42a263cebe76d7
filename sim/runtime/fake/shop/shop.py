"""The whole shop: the gateway and the services as their callers find them, and what each of them leans on."""

from __future__ import annotations

import importlib
import json as text
import random
from collections.abc import Mapping, Sequence

from sim.errors import Unreachable
from sim.plan.model import Plan, ServerSpec
from sim.runtime.fake.mysql import FakeMySqlState
from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.queues import FakeBroker
from sim.runtime.fake.shop import catalogue, checkout, content, letters, shipping, tickets
from sim.runtime.fake.shop.accounts import Doorman
from sim.runtime.fake.shop.circuit import Circuits
from sim.runtime.fake.shop.consumers import Consumers
from sim.runtime.fake.shop.coordination import Coordinator
from sim.runtime.fake.shop.front import NETWORK_S, Front, Request
from sim.runtime.fake.shop.model import Books, Call, Handler, Shelves, Switches
from sim.runtime.fake.shop.post import Post
from sim.runtime.fake.shop.storage import Storage
from sim.runtime.fake.shop.workload import Workload
from sim.servers.http_protocol import SILENCE, HttpReply
from sim.services.catalogue import SERVICE_MODULES
from sim.services.contract.message import JSON
from sim.services.contract.problem import Problem, unavailable
from sim.services.contract.route import PUBLIC, Route
from sim.topology.model import Topology

_PING = "ping"


class FakeShop:
    """Shut when the plan has no gateway. ``switches`` make it dishonest; ``shelves`` is what it has committed.

    ``workload`` is what its requests cost and how long they take.

    ``pods`` are each deployment's servers, and ``deployments`` service keys with their deployment's name.
    """

    def __init__(
        self,
        topology: Topology,
        plan: Plan,
        *,
        processes: FakeProcesses,
        broker: FakeBroker,
        databases: Mapping[str, FakeMySqlState],
        storage: Storage,
        secrets: Mapping[str, str],
        rng: random.Random,
    ) -> None:
        self.pods: dict[str, list[str]] = {}
        for server in plan.servers:
            if server.kind in {"gateway", "service"}:
                self.pods.setdefault(server.app, []).append(server.name)
        self.deployments = {key: service.name for key, service in topology.services.items()}
        self.storage = storage
        self.workload = Workload(processes)
        self._topology = topology
        self._processes = processes
        self._broker = broker
        self._turn = self._served = 0
        self._circuits = Circuits()
        self.shelves = Shelves(processes.clock.now_s, rng, {key: Books() for key in self.deployments})
        self.shelves.ask = self._ask
        gateways = plan.of_kind("gateway")
        key = secrets[gateways[0].facts["jwt_secret"]] if gateways else ""
        self.doorman = Doorman(key, topology.tokens)
        hearings = [m.hearings() for m in (catalogue, checkout, shipping, tickets, letters)]
        self.post = Post(
            self.shelves,
            {place: hearing for table in hearings for place, hearing in table.items()},
            self.runs,
            self._has_database,
            lambda: 2 * len(broker.alive()) > len(broker.nodes),
            self._note,
        )
        self._front = Front(topology.gateway, self._routes(), self._handlers(), self.shelves, self.doorman, self._reach)
        if gateways:
            self._open(plan, databases, secrets)

    @property
    def switches(self) -> Switches:
        return self.shelves.switches

    def request(self, gateway: str, request: Request) -> HttpReply:
        """One request by way of one gateway pod."""
        clock, lock = self._processes.clock, self._processes.lock
        began_s = clock.now_s()
        try:
            self._processes.require(gateway)
        except Unreachable as error:
            return HttpReply(SILENCE, clock.now_s() - began_s, message=str(error))
        clock.sleep_s(NETWORK_S)
        with lock:
            self.post.carry()
            call = self._front.admit(request)
            if isinstance(call, HttpReply):
                return _timed(call, clock.now_s() - began_s)
            self._write_log(gateway, request.trace_id, call.route.name)
        service = call.route.service
        if not self.runs(service):
            return _timed(self._unanswered(service), clock.now_s() - began_s)
        with lock:
            pod = self._choose(service)
            starts = self._processes[pod].starts if pod else 0
            reply = self._front.work(call, self._message_id(call, request))
            if pod and reply.answered:
                self._write_log(pod, request.trace_id, call.route.name)
        clock.sleep_s(self.workload.handling_s(service) + NETWORK_S)
        with lock:
            self.post.carry()
            if pod and (not self._processes.answers(pod) or self._processes[pod].starts != starts):
                reply = self._front.refused(Problem(504, "The service did not answer in time."))
            else:
                self._circuits.succeeded(service)
                if pod:
                    self.workload.work(gateway, service, pod, clock.now_s() - began_s)
        return _timed(reply, clock.now_s() - began_s)

    def _unanswered(self, service: str) -> HttpReply:
        """Nobody is at the service's queue: the first callers wait, the next are told at once."""
        clock = self._processes.clock
        if self._circuits.is_open(service, clock.now_s()) and not self.switches.waits_for_the_dead:
            return self._front.refused(unavailable(self.deployments[service]))
        clock.sleep_s(self._topology.gateway.request_timeout_s)
        with self._processes.lock:
            self._circuits.failed(service, clock.now_s())
        return self._front.refused(Problem(504, f"{self.deployments[service]} did not answer in time."))

    def runs(self, service: str) -> bool:
        return bool(self._living(service))

    def is_ready(self, pod: str) -> bool:
        """Its database and the broker are there."""
        if 2 * len(self._broker.alive()) <= len(self._broker.nodes):
            return False
        own = [key for key, deployment in self.deployments.items() if pod in self.pods.get(deployment, ())]
        return all(self._has_database(key) for key in own)

    def outbox(self, service: str) -> int:
        """Events committed and not yet published, as its database counts them."""
        with self._processes.lock:
            self.post.carry()
            return len(self.shelves.books[service].outbox)

    def _open(self, plan: Plan, databases: Mapping[str, FakeMySqlState], secrets: Mapping[str, str]) -> None:
        """What the services do when they first start: queues, tables, the first administrator."""
        for server in plan.of_kind("service"):
            if "admin_email" in server.facts and not self.doorman.users:
                password = secrets[server.facts["admin_password_secret"]]
                self.doorman.first_administrator(self.shelves, server.facts["admin_email"], password)
        for key, service in self._topology.services.items():
            if service.database:
                database = self._topology.databases[service.database]
                if database.deployment in databases:
                    state = databases[database.deployment]
                    state.tables[database.schema_name, "outbox"] = lambda key=key: self.outbox(key)  # type: ignore[misc]
                    state.sessions = lambda key=key, user=database.user: {user: 4} if self.runs(key) else {}  # type: ignore[misc]
        if self._broker.nodes:
            Consumers(
                self.deployments, self._living, self.switches, self._topology.broker, self._broker, self._processes
            ).declare()
        self._processes.died.append(self._died)
        self._processes.came.append(self._came)
        self._processes.went.append(self._went)

    def _routes(self) -> Mapping[str, Sequence[Route]]:
        """Each service's own table and the light route that every service has."""
        tables: dict[str, Sequence[Route]] = {}
        for key, module in SERVICE_MODULES.items():
            own = importlib.import_module(f"{module}.api").ROUTES
            ping = Route(f"{key}.{_PING}", "GET", f"/{_PING}", "Whether it answers", PUBLIC, light=True)
            tables[key] = (*own, ping)
        return tables

    def _handlers(self) -> Mapping[str, Handler]:
        desk = tickets.Desk(
            lambda method, key: self.storage.sign("sav", method, key),
            lambda key: self.storage.size_bytes("sav", key),
        )
        return {
            **{f"{key}.{_PING}": self._ping for key in self.deployments},
            **self.doorman.handlers(),
            **catalogue.handlers(),
            **checkout.handlers(),
            **shipping.handlers(),
            **content.handlers(),
            **letters.handlers(),
            **desk.handlers(),
            **catalogue.image_handlers(self.storage),
            **Coordinator(self._broker, self.deployments).handlers(),
        }

    def _ping(self, call: Call) -> Mapping[str, str]:
        living = self._living(call.route.service)
        self._turn += 1
        pod = living[0 if self.switches.one_replica_works else self._turn % len(living)]
        return {"service": self.deployments[call.route.service], "pod": pod}

    def _living(self, service: str) -> list[str]:
        return [pod for pod in self.pods.get(self.deployments[service], ()) if self._processes.answers(pod)]

    def _choose(self, service: str) -> str:
        """Who is at work takes turns: the broker hands messages round."""
        living = self._living(service)
        if not living:
            return ""
        self._served += 1
        return living[0 if self.switches.one_replica_works else self._served % len(living)]

    def _came(self, spec: ServerSpec) -> None:
        self.pods.setdefault(spec.app, []).append(spec.name)

    def _went(self, server: str) -> None:
        for pods in self.pods.values():
            if server in pods:
                pods.remove(server)

    def _has_database(self, service: str) -> bool:
        owned = self._topology.services[service].database
        return owned is None or self._processes.answers(self._topology.databases[owned].deployment)

    def _ask(self, service: str, trace_id: str) -> None:
        self._require(service)
        self._note(service, trace_id, "asked")

    def _require(self, service: str) -> None:
        if not self.runs(service):
            raise unavailable(self.deployments[service])
        if not self._has_database(service):
            raise unavailable("The database")

    def _reach(self, route: Route) -> None:
        """Raises Problem for what the call needs and is not there."""
        if 2 * len(self._broker.alive()) <= len(self._broker.nodes):
            raise unavailable("The broker")
        if not route.light:
            self._require(route.service)
        elif not self.runs(route.service):
            raise unavailable(self.deployments[route.service])
        cached = self._topology.services[route.service].cache_use and not route.light
        if cached and self.switches.needs_the_cache and not self._processes.answers(self._topology.cache.name):
            raise unavailable("The cache")

    def _message_id(self, call: Call, request: Request) -> str:
        key = request.headers.get("idempotency-key", "")
        caller = call.identity.user_id if call.identity else ""
        return f"{caller}/{call.route.name}/{request.target}/{key}" if key else self.shelves.new_id()

    def _died(self, server: str) -> None:
        for key, deployment in self.deployments.items():
            if server in self.pods.get(deployment, ()) and not self._living(key):
                self.post.last_words(key)

    def _note(self, service: str, trace_id: str, message: str) -> None:
        self._write_log(self._choose(service), trace_id, message)

    def _write_log(self, pod: str, trace_id: str, message: str) -> None:
        traced = {} if self.switches.forgets_traces else {"trace_id": trace_id}
        line = {"level": "info", "service": pod, "message": message, **traced}
        self._processes[pod].log.append(text.dumps(line))


def _timed(reply: HttpReply, latency_s: float) -> HttpReply:
    return HttpReply(reply.status, latency_s, {"content-type": JSON, **reply.headers}, reply.body, reply.message)
