"""The gateway and the services: start, memory, idle burn, and what a request costs beside bare AMQP."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker

from sim.runtime.labels import container_name
from sim.runtime.stack import LiveStack, attached
from tests.bench.bare_amqp import Broker, bare_rate, declare_echo, echoing
from tests.bench.http_load import Target, http_latencies, http_rate
from tests.bench.measuring import STACK, Figure, keep, sim, usages

_ECHO_PATH = "/api/payments/ping"
_UNDER_WAY = 32
_ROUND_S = 6.0
_SETTLE_S = 30.0
_IDLE_S = 60.0
_HALF = 0.5


def measure(client: docker.DockerClient, rounds: int, reports: Path) -> None:
    """One stack: its start, then its idleness, then ``rounds`` of requests, bare and through the gateway in turn."""
    try:
        sim("up", "--stack", STACK, "--limits", "none")
        stack = attached(client, STACK)
        started = _start_costs(client, stack)
        time.sleep(_SETTLE_S)
        memory = {u.server: u.memory_bytes for u in usages(client) if u.server in started["cpu_s"]}
        idle_cores = _idle_cores(client)
        kinds = {container_name(STACK, server.name): server.kind for server in stack.plan.servers}
        echo = _echo_rounds(stack, rounds)
    finally:
        sim("down", "--stack", STACK)
    figures = (
        Figure("service resident when idle, MiB", "≤", 60, [b / 2**20 for b in memory.values()]),
        Figure("service CPU to start, s", "≤", 1, list(started["cpu_s"].values())),
        Figure("gateway and services ready after their servers, s", "≤", 12, [started["ready_after_s"]]),
        Figure("idle burn of everything, % of a core", "≤", 10, [100 * sum(idle_cores.values())]),
        Figure("requests through the gateway ÷ bare AMQP", "≥", 0.5, [e["gateway"] / e["bare"] for e in echo]),
        Figure("p99 at half load, ms", "≤", 50, [1000 * e["p99_s"] for e in echo]),
        Figure("requests a second through the gateway", "≥", 0, [e["gateway"] for e in echo]),
        Figure("answers that were not 200", "≤", 0, [e["refused"] + e["not_ok"] for e in echo]),
    )
    burnt: defaultdict[str, float] = defaultdict(float)
    for server, cores in idle_cores.items():
        burnt[kinds.get(server, "pause")] += 100 * cores
    print("idle, % of a core:", {kind: round(percent, 2) for kind, percent in sorted(burnt.items())}, flush=True)
    raw = {"started": started, "memory_bytes": memory, "idle_cores": idle_cores, "echo": echo}
    keep("Services", figures, raw, reports)


def _start_costs(client: docker.DockerClient, stack: LiveStack) -> dict[str, Any]:
    ours = {s.name for s in stack.plan.servers if s.kind in {"gateway", "service"}}
    ready_s = {span.server: span.ready_s for span in stack.spans}
    last_server_s = max(at for name, at in ready_s.items() if name not in ours)
    containers = {container_name(STACK, name) for name in ours}
    return {
        "ready_after_s": max(ready_s[name] for name in ours) - last_server_s,
        "all_ready_s": max(ready_s.values()),
        "cpu_s": {u.server: u.cpu_s for u in usages(client) if u.server in containers},
    }


def _idle_cores(client: docker.DockerClient) -> Mapping[str, float]:
    """Cores burnt by each container while nobody asks for anything."""
    before, start_s = {u.server: u.cpu_s for u in usages(client)}, time.monotonic()
    time.sleep(_IDLE_S)
    after, seconds = usages(client), time.monotonic() - start_s
    return {u.server: (u.cpu_s - before.get(u.server, 0.0)) / seconds for u in after}


def _echo_rounds(stack: LiveStack, rounds: int) -> Sequence[dict[str, float]]:
    node = stack.plan.of_kind("rabbitmq")[0]
    gateway = stack.plan.of_kind("gateway")[0]
    broker = Broker(
        node.address,
        node.port("amqp").number,
        node.facts["vhost"],
        node.facts["user"],
        stack.secrets[node.facts["password_secret"]],
    )
    target = Target(gateway.address, gateway.port("http").number, _ECHO_PATH)
    results = []
    declare_echo(stack.servers.broker(), node.name)
    with echoing(broker):
        bare_rate(broker, _UNDER_WAY, 2.0)
        http_rate(target, _UNDER_WAY, 2.0)
        for number in range(rounds):
            figures: dict[str, float] = {}
            for side in ("bare", "gateway") if number % 2 == 0 else ("gateway", "bare"):
                if side == "bare":
                    figures["bare"] = bare_rate(broker, _UNDER_WAY, _ROUND_S)
                else:
                    figures["gateway"], figures["refused"] = http_rate(target, _UNDER_WAY, _ROUND_S)
            samples = http_latencies(target, _HALF * figures["gateway"], _ROUND_S, 4 * _UNDER_WAY)
            figures["p99_s"] = statistics.quantiles([s.latency_s for s in samples], n=100)[98]
            figures["not_ok"] = sum(s.status != 200 for s in samples)
            print({key: round(value, 4) for key, value in figures.items()}, flush=True)
            results.append(figures)
    return results
