"""The parts of one service put together: built from its settings, begun in order, stopped in reverse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from random import Random
from typing import Any, Final

from sim.services.chassis import inbox
from sim.services.chassis.backoff import Backoff
from sim.services.chassis.caller import Caller
from sim.services.chassis.chores import run_chore
from sim.services.chassis.confirms import ConfirmedPublisher
from sim.services.chassis.context import CallContext, Resources
from sim.services.chassis.database import Database
from sim.services.chassis.dependency import Dependency
from sim.services.chassis.events import EventConsumer
from sim.services.chassis.health import Health
from sim.services.chassis.link import Link
from sim.services.chassis.logs import Logs
from sim.services.chassis.messaging import BrokerMessaging
from sim.services.chassis.metrics import Metrics
from sim.services.chassis.migrations import MigrationRefused
from sim.services.chassis.outbox import OutboxPublisher
from sim.services.chassis.outcomes import Contention
from sim.services.chassis.ping import with_ping
from sim.services.chassis.requests import RequestServer
from sim.services.chassis.schema import Schema
from sim.services.chassis.service import Chore, Context, Service
from sim.services.chassis.settings import Reader, Settings
from sim.services.chassis.workers import Workers
from sim.services.contract.problem import Problem

_HOLD_BACK_S: Final = 5.0
"""How long a starting service leaves requests to its replicas before it answers them with 503 itself."""
_PURGE_EVERY_S: Final = 3600.0
_BACKGROUND_THREADS: Final = 3


class Process:
    """``start`` returns at once. It sets ``stop`` when the process must end by itself, with ``exit_code`` 1."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        logs: Logs,
        random: Random,
        stop: asyncio.Event,
    ) -> None:
        self._service = with_ping(service, settings.pod)
        self._settings = settings
        self._logs = logs
        self._random = random
        self._stop = stop
        self._tasks: set[asyncio.Task[None]] = set()
        self._steps = {"requests": "not consumed yet", "start": "preparing"}
        self.exit_code = 0
        self.metrics = Metrics()
        self._link = Link(settings.broker, name=settings.pod, log=logs.log, random=random)
        self._workers = Workers("request", settings.workers)
        self._event_workers = Workers("event", max(1, settings.workers // 2) if service.events else 0)
        self._background = Workers("background", _BACKGROUND_THREADS)
        self._resources = Resources(
            key=service.key,
            service=settings.service,
            settings=environment,
            loop=asyncio.get_running_loop(),
            caller=Caller(self._link, settings.broker.direct, settings.service),
            logs=logs,
            metrics=self.metrics,
        )
        self._dependencies: list[Dependency] = []
        self._database: Database | None = None
        self._outbox: OutboxPublisher | None = None
        self._schema: Schema | None = None
        self._messaging: BrokerMessaging | None = None
        self._build()
        self._requests = RequestServer(self._service, self._resources, self._workers, self.metrics, random)
        self._events: EventConsumer | None = None
        if service.events:
            self._events = EventConsumer(service.events, self._resources, self._event_workers, self.metrics, random)
        self.health = Health(settings.service, settings.pod, self._link, self._dependencies, self._waiting_for)
        self._show_dependencies()

    def start(self) -> None:
        for workers in (self._workers, self._event_workers, self._background):
            workers.start()
        self._link.start()
        for dependency in self._dependencies:
            self._spawn(dependency.watch(self._background))
        if self._outbox is not None:
            self._spawn(self._outbox.run(self._background))
        self._spawn(self._begin())

    async def stop(self, within_s: float) -> bool:
        """Take no more, finish what is under way, publish what was committed, close; False when time ran out."""
        end_s = time.monotonic() + within_s
        self.health.draining = True
        draining = [self._requests.drain(within_s - 1.0)]
        if self._events is not None:
            draining.append(self._events.drain(within_s - 1.0))
        drained = all(await asyncio.gather(*draining))
        for task in self._tasks:
            task.cancel()
        if self._outbox is not None:
            try:
                left_s = max(0.1, end_s - time.monotonic() - 0.5)
                await asyncio.wait_for(self._outbox.flush(self._background), left_s)
            except TimeoutError:
                drained = False  # the rows stay, for the next start or another replica
        await self._link.close()
        return drained

    def _build(self) -> None:
        """What this service uses, and nothing else."""
        settings, logs, random = self._settings, self._logs, self._random
        most = settings.workers + self._event_workers.count + _BACKGROUND_THREADS
        if settings.database is not None:
            database = Database(settings.database, log=logs.log, random=random)
            self._database = self._resources.database = database
            self._dependencies.append(database.dependency)
            self._schema = Schema(database, self._service.migrations, settings.database.name, logs, random)
            self._outbox = OutboxPublisher(
                database,
                ConfirmedPublisher(self._link, "outbox"),
                settings.broker,
                app_id=settings.service,
                metrics=self.metrics,
                logs=logs,
                random=random,
            )
            self._resources.committed = self._outbox.wake
            self.metrics.watch(self.metrics.connections, lambda: database.in_use, state="in use")
            self.metrics.watch(self.metrics.connections, lambda: database.idle, state="idle")
        if settings.cache is not None:
            from sim.services.chassis.cache import RedisCache  # noqa: PLC0415 - a driver only its users pay for

            cache = RedisCache(settings.cache, connections=most, log=logs.log, random=random)
            self._resources.cache = cache
            self._dependencies.append(cache.dependency)
        if settings.bucket is not None:
            from sim.services.chassis.bucket import S3Bucket  # noqa: PLC0415 - a driver only its users pay for

            bucket = S3Bucket(settings.bucket, connections=most, log=logs.log, random=random)
            self._resources.bucket = bucket
            self._dependencies.append(bucket.dependency)
        if self._service.coordinates_broker:
            deployments = Reader(settings.own).pairs("SERVICES")
            publisher = ConfirmedPublisher(self._link, "requeue")
            messaging = BrokerMessaging(self._link, settings.broker, deployments, publisher, logs)
            self._messaging = self._resources.messaging = messaging
            self._link.keep_channel("topology", messaging.set_up)

    async def _begin(self) -> None:
        """Schema, then first rows, then requests and events; requests no later than a while after the start."""
        holding_back = asyncio.get_running_loop().call_later(_HOLD_BACK_S, self._serve_requests)
        try:
            if self._schema is not None:
                await self._schema.bring_up_to_date(self._background)
            await self._prepare()
        except MigrationRefused as error:
            self._logs.log("error", "the schema cannot be brought up to date", reason=str(error))
            self.exit_code = 1
            self._stop.set()
            return
        finally:
            holding_back.cancel()
        self._steps["start"] = "done"
        self._serve_requests()
        if self._events is not None and self._database is not None:
            self._link.keep_channel("events", self._events.set_up, self._events.lost)
            self._database.dependency.on_change(self._pause_or_resume)
            self._pause_or_resume(self._database.dependency.up)
        for chore in (*self._service.chores, *self._own_chores()):
            self._spawn(run_chore(chore, self._resources, self._background, self._random, self._may_work))

    def _pause_or_resume(self, up: bool) -> None:
        if self._events is not None:
            (self._events.resume if up else self._events.pause)()

    def _serve_requests(self) -> None:
        if self._steps["requests"] == "not consumed yet":
            self._steps["requests"] = "done"
            self._link.keep_channel("requests", self._requests.set_up, self._requests.lost)

    async def _prepare(self) -> None:
        """The service's own first rows; again and again until it succeeds, as its dependencies come."""
        prepare, backoff = self._service.prepare, Backoff(self._random)
        while prepare is not None:
            try:
                await self._background.run(lambda: prepare(CallContext(self._resources)))
            except (Problem, Contention) as error:
                self._steps["start"] = f"preparing: {error}"
            except Exception as error:  # noqa: BLE001 - not ready, and saying why, is better than a restart loop
                self._logs.failure("prepare failed", error)
                self._steps["start"] = f"preparing: {type(error).__name__}"
            else:
                return
            await asyncio.sleep(backoff.next_s())

    def _waiting_for(self) -> dict[str, str]:
        """For health: each step that is not done."""
        steps = dict(self._steps)
        if self._schema is not None:
            steps["schema"] = self._schema.state
        if self._messaging is not None:
            steps["topology"] = "done" if self._messaging.declared else "not declared yet"
        if steps["requests"] == "done" and not self._requests.is_consuming:
            steps["requests"] = f"the queue {self._settings.service} is not consumed"
        return steps

    def _own_chores(self) -> tuple[Chore, ...]:
        return () if self._database is None else (Chore("purge-inbox", _PURGE_EVERY_S, self._purge_inbox),)

    def _purge_inbox(self, _context: Context) -> None:
        more = self._database is not None
        while more and self._database is not None:
            with self._database.session() as session:
                more = inbox.purge(session)

    def _may_work(self) -> bool:
        return self._database is None or (self._database.ready and self._database.dependency.up)

    def _show_dependencies(self) -> None:
        metrics, link = self.metrics, self._link
        metrics.watch(metrics.dependency_up, lambda: float(link.is_up), dependency="broker")
        for dependency in self._dependencies:
            metrics.watch(metrics.dependency_up, _up(dependency), dependency=dependency.name)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that ends in an error takes the process with it: half a service is worse than a restarted one."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._logs.failure("a part of the service broke", error)
            self.exit_code = 1
            self._stop.set()


def _up(dependency: Dependency) -> Callable[[], float]:
    return lambda: float(dependency.up)
