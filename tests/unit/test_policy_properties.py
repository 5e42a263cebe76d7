"""On thousands of random policy sets, the oracle decides every edge as the second reading of the specification does."""

from __future__ import annotations

import hashlib
from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sim.policy.fields import Field
from sim.policy.manifests import read_policy
from sim.policy.objects import Cluster, Protocol
from sim.policy.verdict import oracle_of
from sim.policy.workloads import read_namespace_object, read_workload
from sim.topology.marked_yaml import MarkedDocument
from tests.unit.policy_naive import Connection, NaiveCluster
from tests.unit.policy_random import ASKED, NODE, OUTSIDE, Manifest, RandomCluster, random_cluster

_SETS = 5_000
_PLACES = (*(f"10.0.1.{number}" for number in range(1, 5)), OUTSIDE, NODE)


def _field(manifest: Manifest, documents: list[MarkedDocument]) -> Field:
    documents.append(MarkedDocument(manifest))
    return Field(documents[-1], (), manifest)


def cluster_of(random: RandomCluster) -> Cluster:
    documents: list[MarkedDocument] = []
    namespaces = [read_namespace_object(_field(each, documents)) for each in random.namespaces]
    pods = [read_workload(_field(each, documents), "Pod", {}).pods[0] for each in random.pods]
    policies = [read_policy(_field(each, documents)) for each in random.policies]
    assert not [problem for document in documents for problem in document.problems]
    return Cluster(tuple(each for each in namespaces if each), tuple(pods), tuple(policies), (NODE,))


def test_the_oracle_is_the_specification_read_a_second_time() -> None:
    """Every pair of 4 pods, a node and an outsider, on 4 ports, for each of 5,000 different sets of policies."""
    seen: set[bytes] = set()
    tally: Counter[str] = Counter()

    @settings(
        max_examples=_SETS + _SETS // 10,  # some bytes make the same policies
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=64, max_size=160))
    def agrees(choices: bytes) -> None:
        random = random_cluster(choices)
        fingerprint = hashlib.blake2b(repr(random).encode(), digest_size=8).digest()
        if fingerprint in seen:
            return
        cluster = cluster_of(random)
        oracle = oracle_of(cluster)
        naive = NaiveCluster(random.namespaces, random.pods, random.policies, NODE)
        for source in _PLACES:
            for destination in _PLACES:
                for protocol, port in ASKED:
                    edge = Connection(source, destination, protocol, port)
                    decision = oracle.decide(source, destination, Protocol(protocol), port)
                    expected = naive.allows(edge)
                    assert decision.allowed is expected, (edge, decision.why)
                    ruled = bool(decision.egress.rule or decision.ingress.rule)
                    tally["denied" if not expected else "by a rule" if ruled else "open"] += 1
        seen.add(fingerprint)

    agrees()
    assert len(seen) >= _SETS
    # Sets that decide nothing would agree about nothing.
    assert min(tally["denied"], tally["by a rule"], tally["open"]) > tally.total() // 20
