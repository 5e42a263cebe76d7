"""What every component of the platform was at during a stretch of load: read before it, now and then, and after it.

From the kernel (CPU used and withheld, memory, run queue, waiting for the disk), from the metrics pages that Prometheus
scrapes (handling times, requests under way, database connections), and from the queues themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sim.checks.saturation import CORES, DEPTH, HANDLING, HOST
from sim.errors import SimError
from sim.history import Outcome
from sim.load.cues import Cue
from sim.load.samples import LoadReport
from sim.plan.model import ServerSpec
from sim.scenario import HostLoad, Stage, Usage
from sim.servers.exposition import total
from sim.services.contract.queues import requests_queue

_SIGHTS = 8
_HANDLED = "service_request_duration_seconds"
_ANSWERED = "gateway_http_request_duration_seconds"


@dataclass(frozen=True, slots=True)
class _Counters:
    """Everything that only grows, at one time."""

    t_s: float
    usages: Mapping[str, Usage]
    pages: Mapping[str, str]
    host: HostLoad | None


@dataclass(slots=True)
class Sampler:
    """:meth:`begin`, then a stretch of load with :meth:`cues`, then :meth:`write`."""

    stage: Stage
    running: list[int] = field(default_factory=list)
    under_way: dict[str, list[float]] = field(default_factory=dict)
    connections: dict[str, float] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    _before: _Counters | None = None

    def begin(self) -> None:
        self.running, self.under_way, self.connections, self.depths = [], {}, {}, {}
        self._before = self._counters()

    def cues(self, duration_s: float) -> Sequence[Cue]:
        """A look every second, and one at the queues and pools shortly before the end."""
        looks = [Cue(at_s + 1.0, self._look) for at_s in range(int(duration_s) - 1)]
        return (*looks, Cue(max(0.0, duration_s - 1.0), self._gauges))

    def _look(self) -> None:
        host = self.stage.control.host()
        if host is not None:
            self.running.append(host.running)

    def write(self, report: LoadReport) -> None:
        """What was seen since :meth:`begin`, under the name of the step."""
        step, before, after = report.name, self._before, self._counters()
        if before is None:
            return
        seconds = max(after.t_s - before.t_s, 1e-6)
        for server in self.stage.plan.servers:
            self._write_cores(step, server, (before, after), seconds)
        self._write_host(step, before.host, after.host, seconds)
        for key, service in self.stage.topology.services.items():
            self._write_handling(step, key, service.name, (before, after))

    def _counters(self) -> _Counters:
        stage = self.stage
        pods = [s.name for s in (*stage.plan.of_kind("gateway"), *stage.plan.of_kind("service"))]
        usages = self._each([s.name for s in stage.plan.servers], stage.control.usage)
        pages = self._each(pods, lambda pod: stage.servers.service(pod).metrics().body.decode(errors="replace"))
        return _Counters(stage.clock.now_s(), usages, pages, stage.control.host())

    def _gauges(self) -> None:
        stage = self.stage
        services = [s.name for s in stage.plan.of_kind("service")]
        pages = self._each(services, lambda pod: stage.servers.service(pod).metrics().body.decode(errors="replace"))
        for pod, page in pages.items():
            app = stage.plan.server(pod).app
            self.under_way.setdefault(app, []).append(total(page, "service_requests_in_flight"))
            self.connections[app] = self.connections.get(app, 0.0) + total(
                page, "service_database_connections", state="in use"
            )
        broker = stage.servers.broker()
        queues = [requests_queue(service.name) for service in stage.topology.services.values()]
        self.depths = self._each(queues, lambda queue: int((broker.queue(queue) or {}).get("messages", 0)))

    def _each(self, names: list[str], ask: Callable[[str], Any]) -> dict[str, Any]:
        """By name; whoever does not answer is left out, and so has no evidence."""

        def one(name: str) -> Any:
            try:
                return ask(name)
            except SimError:
                return None

        # A model is not asked by many at once.
        sights = 1 if self.stage.servers.modelled else _SIGHTS
        with ThreadPoolExecutor(sights) as pool:
            found = list(pool.map(one, names))
        return {name: value for name, value in zip(names, found, strict=True) if value is not None}

    def _write_cores(self, step: str, server: ServerSpec, span: tuple[_Counters, _Counters], seconds: float) -> None:
        was, now = (counters.usages.get(server.name) for counters in span)
        if was is None or now is None:
            self.stage.record(CORES, server.name, Outcome.UNSURE, step=step, kind=server.kind)
            return
        periods = now.periods - was.periods
        limit_bytes = server.limits.memory_bytes or 0
        self.stage.record(
            CORES,
            server.name,
            Outcome.OK,
            step=step,
            kind=server.kind,
            app=server.app,
            cores=round((now.cpu_s - was.cpu_s) / seconds, 4),
            limit_cores=server.limits.cpu_cores or 0.0,
            throttled_share=round((now.throttled_periods - was.throttled_periods) / periods, 4) if periods > 0 else 0.0,
            memory_share=round(now.memory_bytes / limit_bytes, 4) if limit_bytes else 0.0,
        )

    def _write_host(self, step: str, was: HostLoad | None, now: HostLoad | None, seconds: float) -> None:
        if was is None or now is None:
            self.stage.record(HOST, "host", Outcome.UNSURE, step=step)
            return
        cores_s = seconds * now.cpus
        self.stage.record(
            HOST,
            "host",
            Outcome.OK,
            step=step,
            duration_s=round(seconds, 6),
            cpus=now.cpus,
            busy_share=round((now.busy_s - was.busy_s) / cores_s, 4),
            disk_share=round((now.waiting_for_disk_s - was.waiting_for_disk_s) / cores_s, 4),
            run_queue=round(sum(self.running) / len(self.running), 2) if self.running else 0.0,
        )

    def _write_handling(self, step: str, key: str, app: str, span: tuple[_Counters, _Counters]) -> None:
        """One service's handlers, and what the gateway waited for them, on average."""
        pods = [s.name for s in self.stage.plan.of_kind("service") if s.app == app]
        if not pods:
            return
        count, taken_s = (_grown(span, pods, f"{_HANDLED}_{part}") for part in ("count", "sum"))
        gateways = [s.name for s in self.stage.plan.of_kind("gateway")]
        asked, waited_s = (_grown(span, gateways, f"{_ANSWERED}_{part}", service=key) for part in ("count", "sum"))
        self.stage.record(
            HANDLING,
            app,
            Outcome.OK if count > 0 else Outcome.UNSURE,
            step=step,
            service=key,
            pods=len(pods),
            workers=sum(int(self.stage.plan.server(pod).environment.get("WORKERS", "0")) for pod in pods),
            requests=count,
            handling_ms=round(1000 * taken_s / count, 3) if count > 0 else 0.0,
            gateway_ms=round(1000 * waited_s / asked, 3) if asked > 0 else 0.0,
            under_way=sum(self.under_way.get(app, [0.0])),
            connections=self.connections.get(app, 0.0),
        )
        depth = self.depths.get(requests_queue(app))
        self.stage.record(
            DEPTH,
            requests_queue(app),
            Outcome.OK if depth is not None else Outcome.UNSURE,
            step=step,
            app=app,
            messages=depth or 0,
        )


def _grown(span: tuple[_Counters, _Counters], pods: list[str], name: str, **labels: str) -> float:
    was, now = span
    return sum(
        total(now.pages[pod], name, **labels) - total(was.pages[pod], name, **labels)
        for pod in pods
        if pod in was.pages and pod in now.pages
    )
