"""``isolation/mutations-network`` end to end on the modelled network."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scenarios.isolation.mutants_network import NETWORK_MUTATIONS
from sim.checks.edge_observations import CANARY, EDGES, PODS
from sim.checks.mutants import AFTER, BEFORE, EQUIVALENT, MUTANT, SEEN
from sim.history import Outcome
from sim.policy.objects import Cluster
from sim.runtime.fake.platform import FakePlatform
from sim.verdict import Status
from tests.fake.drill_rehearsal import Drill, judged, rehearse

_FAST = 400.0


@pytest.fixture(scope="module")
def drill() -> Drill:
    """The whole of it once."""
    return rehearse(NETWORK_MUTATIONS, speed=_FAST)


def test_every_change_of_a_policy_is_noticed(drill: Drill) -> None:
    """Both directions, every operator, each by the few edges it decides; what decides nothing is told apart."""
    result = drill.result
    assert result.verdict is Status.PASS, (result.reason, result.evidence[:10])
    assert result.numbers["mutants"] == len(drill.of(MUTANT)) >= 250
    assert result.numbers["score_percent"] == 100.0
    operators = {o.detail["operator"] for o in drill.of(MUTANT)}
    assert operators >= {"drop the policy", "drop the rule", "widen a port", "open to any address", "allow everything"}
    assert {o.target for o in drill.of(MUTANT)} == {"ingress", "egress"}
    assert result.numbers["equivalent"] == sum(len(o.detail["names"]) for o in drill.of(EQUIVALENT)) > 0


def test_the_policies_in_force_are_the_documents_again(drill: Drill) -> None:
    """Nothing of what was tried stays in force."""
    plan = drill.platform.plan
    with drill.platform.control.network() as network:
        assert network.cluster.policies == plan.policies


def test_a_change_that_does_not_come_into_force_survives_and_is_named() -> None:
    """A kernel that keeps the old rules shows every probe what the document says: the score falls."""

    def spoil(platform: FakePlatform) -> None:
        documented = {policy.full_name: policy for policy in platform.plan.policies}

        def unmoved(cluster: Cluster) -> Cluster:
            policies = [
                replace(known, policy_types=policy.policy_types)
                if (known := documented.get(policy.full_name))
                else policy
                for policy in cluster.policies
            ]
            return cluster.with_policies(policies)

        platform.control.flaws.distort = unmoved

    result = rehearse(NETWORK_MUTATIONS, spoil, speed=_FAST).result
    assert result.verdict is Status.FAIL, result.reason
    assert result.numbers["survivors"] >= 200
    assert any("allow-own-database-auth-ingress" in line for line in result.evidence)


def test_a_dead_prober_shows_nothing(drill: Drill) -> None:
    """Silence of the rig's own instrument is neither a survivor nor a mutant noticed."""
    dead = [
        replace(o, outcome=Outcome.UNSURE, detail={**o.detail, "detail": {"found": {"prober failed": ["TCP 1"]}}})
        if o.op == SEEN and o.detail["op"] == EDGES and o.detail["mutant"] not in {BEFORE, AFTER}
        else o
        for o in drill.observations
    ]
    result = judged(NETWORK_MUTATIONS, dead)
    assert result.verdict is Status.UNKNOWN
    assert result.numbers["survivors"] == result.numbers["noticed"] == 0
    assert judged(NETWORK_MUTATIONS, ()).verdict is Status.UNKNOWN


def test_any_part_missing_is_unknown(drill: Drill) -> None:
    """The control before and after, with its canary and its pods, and the mutants' lives: each is needed."""
    seen = drill.observations
    for phase in (BEFORE, AFTER):
        assert judged(NETWORK_MUTATIONS, [o for o in seen if o.detail.get("mutant") != phase]).verdict is Status.UNKNOWN
    for op in (CANARY, PODS, EDGES):
        kept = [o for o in seen if not (o.op == SEEN and o.detail["op"] == op)]
        assert judged(NETWORK_MUTATIONS, kept).verdict is Status.UNKNOWN, op
    assert judged(NETWORK_MUTATIONS, [o for o in seen if o.op != MUTANT]).verdict is Status.UNKNOWN


def test_files_judge_alike(drill: Drill) -> None:
    """The verdict taken again from its JSON is the same, word for word."""
    again = [replace(o, detail=json.loads(o.to_json())["detail"]) for o in drill.observations]
    assert judged(NETWORK_MUTATIONS, again) == drill.result
