"""The control of every isolation run: an edge closed on purpose, seen closed, then opened and seen open."""

from __future__ import annotations

from sim.checks.edge_observations import CANARY, CLOSED, OPEN
from sim.history import Outcome
from sim.policy.objects import LabelSelector, NetworkPolicy
from sim.probing.model import Edge, Listener, Question, Reach
from sim.probing.network import PodNetwork
from sim.scenario import Stage


def close_and_open(stage: Stage, network: PodNetwork, edge: Edge, timeout_s: float) -> None:
    """Between two pods that no policy keeps apart. The policies that were in force are so again afterwards."""
    before = network.cluster
    target = before.pod(edge.target)
    shut = NetworkPolicy("sim-canary", target.namespace, LabelSelector.of(target.labels))
    with network.listening([Listener(edge.target, edge.protocol, edge.port)]):
        for phase, cluster in ((CLOSED, before.with_policies((*before.policies, shut))), (OPEN, before)):
            network.enforce(cluster)
            (answer,) = network.probe([Question(edge)], timeout_s)
            stage.record(
                CANARY,
                edge.target,
                Outcome.OK if (answer.reach is Reach.CONNECTED) is (phase == OPEN) else Outcome.FAILED,
                phase=phase,
                edge=str(edge),
                reach=answer.reach.value,
                evidence=answer.evidence,
            )
