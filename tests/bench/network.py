"""The pod network: edges probed a second, policies put in force, and what they cost a request, side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker

from sim.checks.edge_selections import UNDOCUMENTED_PORT, every_edge, node_edges
from sim.policy.objects import Pod, Protocol
from sim.probing.model import Listener, Question, Reach
from sim.probing.network import PodNetwork
from sim.runtime.stack import LiveStack, attached
from sim.topology.load import parse_topology
from tests.bench.http_load import Target, http_latencies
from tests.bench.measuring import STACK, Figure, keep, sim

_PING = "/api/payments/ping"
_RATE_PER_S = 150.0
_ROUND_S = 3.0
_SETTLE_S = 1.0
_TIMEOUT_S = 1.0
_MOST_UNDER_WAY = 128
_VISITORS = (Pod("traefik", "traefik", {"app": "traefik"}), Pod("stranger", "default", {"app": "stranger"}))


def measure(client: docker.DockerClient, rounds: int, reports: Path) -> None:
    """One stack, whole: its matrix, its policies put in force anew, requests with and without them in turn."""
    sim("up", "--stack", STACK, "--limits", "none")
    try:
        stack = attached(client, STACK)
        with stack.control.network(_VISITORS) as network:
            matrix = [_matrix(stack, network) for _ in range(rounds)]
            applied_s = [_enforced(network) for _ in range(2 * rounds + 1)]
            latency = _latencies(stack, network, 4 * rounds)
    finally:
        sim("down", "--stack", STACK)
    pairs = [(with_, without) for with_, without in zip(latency["with"], latency["without"], strict=True)]
    figures = (
        Figure("edges probed a second, drops included", "≥", 1_000, [m["edges"] / m["spent_s"] for m in matrix]),
        Figure("every pod to every pod on every port, s", "≤", 15, [m["spent_s"] for m in matrix]),
        Figure("all policies of the stack put in force, s", "≤", 1, applied_s),
        Figure("median request with policies ÷ without", "≤", 1.05, [a["p50_s"] / b["p50_s"] for a, b in pairs]),
        Figure("95th percentile with policies ÷ without", "≤", 1.05, [a["p95_s"] / b["p95_s"] for a, b in pairs]),
        Figure("answers that were not 200", "≤", 0, [a["not_ok"] + b["not_ok"] for a, b in pairs]),
    )
    keep("Network", figures, {"matrix": matrix, "applied_s": applied_s, "latency": latency}, reports)


def _matrix(stack: LiveStack, network: PodNetwork) -> dict[str, float]:
    edges = every_edge(network.cluster, parse_topology(stack.memory.topology, "the stack's topology"))
    asked = [*node_edges(edges), *edges]
    receivers = [Listener(pod, Protocol.UDP, UNDOCUMENTED_PORT) for pod in dict.fromkeys(e.target for e in edges)]
    with network.listening(receivers):
        began_s = time.monotonic()
        answers = network.probe([Question(edge) for edge in asked], _TIMEOUT_S)
        spent_s = time.monotonic() - began_s
    dropped = sum(answer.reach is Reach.DROPPED for answer in answers)
    failed = sum(answer.reach is Reach.PROBER_FAILED for answer in answers)
    found = {"edges": float(len(asked)), "spent_s": spent_s, "dropped": float(dropped), "failed": float(failed)}
    print({key: round(value, 2) for key, value in found.items()}, flush=True)
    return found


def _enforced(network: PodNetwork) -> float:
    began_s = time.monotonic()
    network.enforce(network.cluster)
    return time.monotonic() - began_s


def _latencies(stack: LiveStack, network: PodNetwork, rounds: int) -> dict[str, list[dict[str, float]]]:
    """As many with as without, in turn, and each of them first as often as the other."""
    gateway = stack.plan.of_kind("gateway")[0]
    target = Target(gateway.address, gateway.port("http").number, _PING)
    found: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    http_latencies(target, _RATE_PER_S, _ROUND_S / 2, _MOST_UNDER_WAY)
    for number in range(rounds):
        for side in ("with", "without") if number % 2 == 0 else ("without", "with"):
            if side == "with":
                network.enforce(network.cluster)
            else:
                network.lift()
            http_latencies(target, _RATE_PER_S, _SETTLE_S, _MOST_UNDER_WAY)
            found[side].append(_summed(http_latencies(target, _RATE_PER_S, _ROUND_S, _MOST_UNDER_WAY)))
    return found


def _summed(samples: Sequence[Any]) -> dict[str, float]:
    cuts = statistics.quantiles([sample.latency_s for sample in samples], n=20)
    found = {"p50_s": cuts[9], "p95_s": cuts[18], "not_ok": float(sum(sample.status != 200 for sample in samples))}
    print({key: round(value, 5) for key, value in found.items()}, flush=True)
    return found
