"""Which component keeps the platform from more, and which from being faster: named from what was measured of each.

Operations, each of one ``step`` of load: ``cores`` (a server's CPU used, its limit, the share of periods in which the
kernel held it back, memory), ``handling`` (a service's handlers: ``requests``, ``handling_ms`` on average,
``gateway_ms`` that the gateway waited, requests ``under_way`` of its ``workers``, database ``connections``), ``depth``
(messages in its queue) and ``host`` (over ``duration_s`` the share of the cores busy, waiting for the disk,
``run_queue``).

The nearer to the component, the more a sign says: a CPU limit that bites names its server at once; a machine that is
busy as a whole names only itself.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.history import Observation, Outcome, only

CORES, HANDLING, DEPTH, HOST = "cores", "handling", "depth", "host"
SCRAPED = "scraped"
"""What Prometheus had scraped of the gateway by the end, by service: ``requests``, ``gateway_ms`` on average."""

THROTTLED_SHARE = 0.25
"""Of the scheduler's periods: held back in a quarter of them, a server is as slow as its limit."""
LIMIT_SHARE = 0.9
ONE_CORE = 0.85
"""An interpreter that runs one thread at a time is at its end a little before a whole core."""
WORKERS_SHARE = 0.9
HOST_BUSY_SHARE = 0.9
DISK_SHARE = 0.3
OLD_S = 0.5
MEMORY_SHARE = 0.97
IDLE_MS = 20.0
IDLE_FACTOR = 3.0
"""Handlers that spend so much more than the other services' off the CPU wait for something of their own."""
_FEWEST = 5
_TOP = 3
_PYTHON = frozenset({"gateway", "service"})


@dataclass(frozen=True, slots=True)
class Cause:
    """``weight``: how near the sign is to the component, most telling first. ``said`` is the evidence in words."""

    component: str
    sign: str
    weight: float
    said: str


def causes(observations: Sequence[Observation], step: str) -> tuple[Cause, ...]:
    """Everything saturated during one step, most telling first; none when nothing was measured or nothing shows."""
    of_step = [o for o in observations if o.detail.get("step") == step and o.outcome is Outcome.OK]
    servers = {o.target: o.detail for o in only(of_step, CORES)}
    services = {o.target: o.detail for o in only(of_step, HANDLING)}
    found = [
        *_by_cpu(servers),
        *_by_memory(servers),
        *_by_workers(services, servers),
        *_by_queue(only(of_step, DEPTH), services),
        *(cause for o in only(of_step, HOST) for cause in _by_host(o.detail, servers)),
    ]
    return tuple(sorted(found, key=lambda cause: -cause.weight))


def slow_by_itself(observations: Sequence[Observation], step: str, seconds: float) -> tuple[Cause, ...]:
    """Services whose handlers wait for something that is no CPU: a sleep, a lock, a server that does not answer.

    A service whose own database is held back by its limit waits for that, and the database is named. Read from a step
    that saturates nothing: on a busy machine everybody waits, which is said. ``seconds`` is the step's length.
    """
    of_step = [o for o in observations if o.detail.get("step") == step and o.outcome is Outcome.OK]
    cores: dict[str, float] = {}
    held: dict[str, float] = {}
    for o in only(of_step, CORES):
        app = str(o.detail.get("app", o.target))
        cores[app] = cores.get(app, 0.0) + _number(o.detail, "cores")
        held[o.target] = _number(o.detail, "throttled_share")
    idle_ms: dict[str, tuple[float, float]] = {}
    for o in only(of_step, HANDLING):
        requests, handling_ms = _number(o.detail, "requests"), _number(o.detail, "handling_ms")
        if requests >= _FEWEST:
            cpu_ms = min(handling_ms, 1000 * cores.get(o.target, 0.0) * seconds / requests)
            idle_ms[o.target] = (handling_ms - cpu_ms, handling_ms)
    found = []
    busy = max((_number(o.detail, "busy_share") for o in only(of_step, HOST)), default=0.0)
    for app, (waits_ms, handling_ms) in idle_ms.items():
        others = [ms for other, (ms, _) in idle_ms.items() if other != app]
        usual_ms = statistics.median(others) if others else 0.0
        if waits_ms >= IDLE_MS and waits_ms >= IDLE_FACTOR * usual_ms:
            said = (
                f"{app}: {handling_ms:.0f} ms a request in its own handlers, {waits_ms:.0f} ms of it off the CPU "
                f"(the other services: {usual_ms:.0f} ms)"
            )
            if busy >= HOST_BUSY_SHARE:
                said += f"; the machine was {100 * busy:.0f} % busy, and who waits for it looks the same"
            database = f"{app}-mysql"
            if held.get(database, 0.0) >= THROTTLED_SHARE:
                said += f"; {database}: held back by its limit in {100 * held[database]:.0f} % of the periods"
                found.append(Cause(database, "CPU limit", waits_ms, said))
            else:
                found.append(Cause(app, "slow by itself", waits_ms, said))
    return tuple(sorted(found, key=lambda cause: -cause.weight))


def as_scraped(observations: Sequence[Observation]) -> str:
    """In words, what Prometheus says the gateway waited longest for; empty when it says nothing."""
    found = [o for o in only(observations, SCRAPED) if o.outcome is Outcome.OK]
    slowest = sorted(found, key=lambda o: -_number(o.detail, "gateway_ms"))[:_TOP]
    told = ", ".join(
        f"{o.target} {_number(o.detail, 'gateway_ms'):.0f} ms ({_number(o.detail, 'requests'):.0f})" for o in slowest
    )
    return f"Prometheus, of all steps: the gateway waited longest for {told}" if told else ""


def _by_cpu(servers: Mapping[str, Mapping[str, Any]]) -> list[Cause]:
    found = []
    for name, detail in servers.items():
        cores, limit = _number(detail, "cores"), _number(detail, "limit_cores")
        throttled = _number(detail, "throttled_share")
        if throttled >= THROTTLED_SHARE:
            said = f"{name}: held back by its limit of {limit:g} cores in {100 * throttled:.0f} % of the periods"
            found.append(Cause(name, "CPU limit", 4 + throttled, said))
        elif limit and cores >= LIMIT_SHARE * limit:
            said = f"{name}: uses {cores:.2f} of the {limit:g} cores it may"
            found.append(Cause(name, "CPU limit", 4.0, said))
        elif detail.get("kind") in _PYTHON and cores >= ONE_CORE:
            said = f"{name}: uses {cores:.2f} of a core, and its interpreter runs on one at a time"
            found.append(Cause(name, "one core", 3 + min(cores, 1.0) / 2, said))
    return found


def _by_memory(servers: Mapping[str, Mapping[str, Any]]) -> list[Cause]:
    return [
        Cause(name, "memory", 2.2, f"{name}: holds {100 * _number(detail, 'memory_share'):.0f} % of the memory it may")
        for name, detail in servers.items()
        if _number(detail, "memory_share") >= MEMORY_SHARE
    ]


def _by_workers(services: Mapping[str, Mapping[str, Any]], servers: Mapping[str, Mapping[str, Any]]) -> list[Cause]:
    """A pool in which everybody is busy, whatever they wait for."""
    found = []
    for app, detail in services.items():
        workers, under_way = _number(detail, "workers"), _number(detail, "under_way")
        if workers and under_way >= WORKERS_SHARE * workers:
            database = servers.get(f"{app}-mysql", {})
            said = (
                f"{app}: {under_way:.0f} requests under way and {workers:.0f} workers, "
                f"{_number(detail, 'handling_ms'):.0f} ms each, {_number(detail, 'connections'):.0f} database "
                f"connections in use"
            )
            if database:
                said += f", its database at {_number(database, 'cores'):.2f} cores"
            found.append(Cause(app, "worker pool", 3.2, said))
    return found


def _by_queue(depths: Sequence[Observation], services: Mapping[str, Mapping[str, Any]]) -> list[Cause]:
    """How old the first message is follows from how many wait and how many a second are done (Little's law)."""
    found = []
    for o in depths:
        app = str(o.detail.get("app", o.target))
        detail = services.get(app, {})
        waiting, gateway_ms = _number(o.detail, "messages"), _number(detail, "gateway_ms")
        queued_s = (gateway_ms - _number(detail, "handling_ms")) / 1000
        if waiting and queued_s >= OLD_S:
            said = f"{o.target}: {waiting:.0f} messages wait, for {queued_s:.1f} s on average"
            found.append(Cause(app, "queue", 2.5, said))
    return found


def _by_host(detail: Mapping[str, Any], servers: Mapping[str, Mapping[str, Any]]) -> list[Cause]:
    cpus, busy = _number(detail, "cpus"), _number(detail, "busy_share")
    disk, queue = _number(detail, "disk_share"), _number(detail, "run_queue")
    found = []
    if disk >= DISK_SHARE:
        found.append(Cause("disk", "disk wait", 1.5, f"disk: the cores wait for it {100 * disk:.0f} % of the time"))
    if busy >= HOST_BUSY_SHARE or (cpus and queue >= 2 * cpus and busy >= HOST_BUSY_SHARE - 0.15):
        top = sorted(servers.items(), key=lambda entry: -_number(entry[1], "cores"))[:_TOP]
        eaters = ", ".join(f"{name} {_number(entry, 'cores'):.2f}" for name, entry in top)
        said = (
            f"host CPU: {100 * busy:.0f} % of {cpus:.0f} cores busy, {queue:.1f} threads run or wait; most by {eaters}"
        )
        found.append(Cause("host CPU", "host CPU", 1.0, said))
    return found


def _number(detail: Mapping[str, Any], name: str) -> float:
    value = detail.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
