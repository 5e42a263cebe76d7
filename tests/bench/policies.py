"""The policy engine on one core: edges decided a second, beside a naive reading; nftables text.

CPU seconds of this process, so that what else the machine does is not counted.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from sim.plan.cluster import cluster_of
from sim.policy.matching import resolve
from sim.policy.nftables import render_ruleset
from sim.policy.objects import Cluster, Protocol
from sim.policy.table import asked_ports, expected_table
from sim.policy.verdict import oracle_of
from sim.preparing import Wanted, planner, read_document
from sim.render.documented import documented_images
from tests.bench.measuring import Figure, keep
from tests.unit.policy_naive import Connection, NaiveCluster
from tests.unit.policy_random import ASKED, NODE, OUTSIDE, RandomCluster, random_cluster
from tests.unit.test_policy_properties import cluster_of as cluster_of_manifests

_SETS = 50
_CHOICES_BYTES = 128
_SEED = 7
_PLACES = (*(f"10.0.1.{number}" for number in range(1, 5)), OUTSIDE, NODE)
_PORTS = (*ASKED, *(("TCP", port) for port in range(1000, 1016)))
_EDGES = tuple((source, to, protocol, port) for source in _PLACES for to in _PLACES for protocol, port in _PORTS)


def measure(rounds: int, reports: Path) -> None:
    cluster = _documented()
    sets = [random_cluster(random.Random(_SEED + n).randbytes(_CHOICES_BYTES)) for n in range(_SETS)]  # noqa: S311
    pairs = [(read, cluster_of_manifests(read)) for read in sets]
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, rate in {
            "decided": _per_s(lambda: _decide_all(cluster)),
            "tabled": _per_s(lambda: len(expected_table(cluster).edges)),
            "oracle": _per_s(lambda: sum(_by_oracle(each) for _, each in pairs)),
            "naive": _per_s(lambda: sum(_by_naive(each) for each, _ in pairs)),
            "pods": _per_s(lambda: _render_all(cluster)),
        }.items():
            rates.setdefault(name, []).append(rate)
    ratios = [fast / slow for fast, slow in zip(rates["oracle"], rates["naive"], strict=True)]
    figures = (
        Figure("edges a second, the documented platform, policies resolved anew", "≥", 100_000, rates["decided"]),
        Figure("edges a second, as a table with its reasons", "≥", 50_000, rates["tabled"]),
        Figure("oracle ÷ naive reading, four pods, policies resolved anew", "≥", 1, ratios),
        Figure("nftables text of every pod of the platform, ms", "≤", 250, [1000 / rate for rate in rates["pods"]]),
    )
    keep("Policies", figures, {"rates_per_s": rates}, reports)


def _documented() -> Cluster:
    document = read_document(None)
    images = documented_images(document.topology)
    return cluster_of(planner(document, Wanted(None, "development"), images)("10.0.0.0/24"))


def _per_s(action: Callable[[], int]) -> float:
    """What ``action`` counts, a CPU second of this process."""
    start_s = time.process_time()
    count = action()
    return count / (time.process_time() - start_s)


def _decide_all(cluster: Cluster) -> int:
    """Every pod to every pod, on every port that is asked about anywhere: what a whole matrix needs."""
    resolved = resolve(cluster)
    names = [pod.full_name for pod in cluster.pods]
    asked = sorted({(port.protocol, port.port) for name in names for port in asked_ports(resolved, name)})
    oracle = oracle_of(cluster)
    for source in names:
        for destination in names:
            for protocol, port in asked:
                oracle.decide(source, destination, protocol, port)
    return len(names) ** 2 * len(asked)


def _render_all(cluster: Cluster) -> int:
    """One whole platform."""
    resolved = resolve(cluster)
    for pod in cluster.pods:
        render_ruleset(resolved, pod)
    return 1


def _by_oracle(cluster: Cluster) -> int:
    oracle = oracle_of(cluster)
    for source, destination, protocol, port in _EDGES:
        oracle.decide(source, destination, Protocol(protocol), port)
    return len(_EDGES)


def _by_naive(read: RandomCluster) -> int:
    naive = NaiveCluster(read.namespaces, read.pods, read.policies, NODE)
    for edge in _EDGES:
        naive.allows(Connection(*edge))
    return len(_EDGES)
