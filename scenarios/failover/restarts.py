"""Nodes that go and come back: one after another, one for long, all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scenarios.failover.broker_drills import ASYNC, MIXED, Drill, broker_drill
from scenarios.failover.split_observations import see_members, see_replicas
from sim.checks.broker_drill import Promise
from sim.checks.split import also, reunited, rolled_round, undisturbed_by_return
from sim.faults.kill import Kill
from sim.faults.rolling import Rolling
from sim.faults.terminate import Terminate
from sim.faults.together import Together
from sim.scenario import Scenario

AWAY_S = 6.0
_QUORUM = "RabbitMQ documentation, Quorum Queues"
_UPGRADING = "RabbitMQ documentation, Upgrading (check_if_node_is_quorum_critical)"


def _serves(drill: Drill) -> Callable[[str], bool]:
    """In the cluster again, and its copy of the queue online."""

    def ready(node: str) -> bool:
        found = drill.broker.queue(drill.queue) or {}
        return node in drill.broker.running_nodes(node) and node in found.get("online", ())

    return ready


def _roll(drill: Drill) -> None:
    gate = drill.broker.quorum_critical
    with Rolling(drill.broker.nodes, _serves(drill), lambda node: not gate(node)).inject(drill.stage):
        pass
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)


def _follower_away(drill: Drill) -> None:
    """Away while hundreds of messages pass, so that there is something to catch up with."""
    victim = next(node for node in drill.followers if node != drill.pipeline.node)
    with Kill(victim, ready=drill.serves(victim)).inject(drill.stage) as killed:
        if killed:
            drill.let_pass(AWAY_S)
    drill.whole()
    see_replicas(drill.stage, drill.broker, drill.queue)


def _all_down(drill: Drill) -> None:
    faults = tuple(Terminate(node, ready=drill.serves(node)) for node in drill.broker.nodes)
    with Together(faults).inject(drill.stage):
        pass
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)
    see_members(drill.stage, drill.broker)


ROLLING = broker_drill(
    "broker-rolling-restart",
    "Nodes restarted one after another, each only when no queue would lose its majority, lose nothing acknowledged.",
    _roll,
    Promise(),
    consumers=MIXED,
    source=_UPGRADING,
)
REJOIN = broker_drill(
    "broker-rejoin",
    "A node that was away catches up when it is back, and takes the lead from nobody.",
    _follower_away,
    Promise(),
    consumers=ASYNC,
    source=_QUORUM,
    parameters={"away_s": AWAY_S},
)

ALL_NODES = broker_drill(
    "broker-all-nodes",
    "When all nodes stop and start, the cluster forms again by itself and nothing acknowledged is lost.",
    _all_down,
    Promise(faults=3),
    consumers=ASYNC,
    source="RabbitMQ documentation, Clustering (restarting a cluster); Quorum Queues",
)

SCENARIOS: tuple[Scenario, ...] = (
    replace(ROLLING, judge=also(ROLLING.judge, rolled_round(3))),
    replace(REJOIN, judge=also(REJOIN.judge, undisturbed_by_return)),
    replace(ALL_NODES, judge=also(ALL_NODES.judge, reunited)),
)
