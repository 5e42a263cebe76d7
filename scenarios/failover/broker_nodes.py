"""No node, a follower, a majority of nodes dies: what each costs, beside what the leader's death costs."""

from __future__ import annotations

from contextlib import ExitStack

from scenarios.failover.broker_drills import ASYNC, MIXED, OUTAGE_S, POLLING, Drill, broker_drill, no_trouble
from sim.checks.broker_drill import Promise
from sim.faults.kill import Kill
from sim.scenario import Scenario

_JEPSEN = "Jepsen total-queue (jepsen.checker), rabbitmq/jepsen"
_QUORUM = "RabbitMQ documentation, Quorum Queues"
_NOISE_MS = 400.0
_OF_OUR_OWN = "the election is the Raft library's: cluster_partition_handling (autoheal) has no part in it (C9)"


def kill_follower(drill: Drill) -> None:
    """One that our publisher is not connected to: what that one would feel is its own connection's end."""
    victim = next(node for node in drill.followers if node != drill.pipeline.node)
    killed_s = drill.stage.clock.now_s()
    with Kill(victim, ready=drill.serves(victim)).inject(drill.stage) as killed:
        if killed:
            drill.recover(killed_s)


def kill_majority(drill: Drill) -> None:
    """The leader and one follower. What is left must not confirm anything, and must take it up again with either."""
    victims = (drill.leader, drill.followers[0])
    with ExitStack() as faults:
        killed = [
            faults.enter_context(Kill(victim, ready=drill.serves(victim)).inject(drill.stage)) for victim in victims
        ]
        if all(killed):
            drill.let_pass(OUTAGE_S)
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)


SCENARIOS: tuple[Scenario, ...] = (
    *(
        broker_drill(
            f"broker-no-fault-{name}",
            f"While nothing breaks, {who} get every message once and every queue is empty in the end.",
            no_trouble,
            Promise(faults=0),
            consumers=consumers,
            source=_JEPSEN,
        )
        for name, who, consumers in (
            ("async", "waiting consumers", ASYNC),
            ("polling", "polling consumers", POLLING),
            ("mixed", "waiting and polling consumers", MIXED),
        )
    ),
    broker_drill(
        "broker-follower",
        "When a node that only follows dies, confirms come on without a gap, and it catches up when it is back.",
        kill_follower,
        Promise(quiet_ms=_NOISE_MS),
        consumers=MIXED,
        source=_QUORUM,
        parameters={"noise_ms": _NOISE_MS},
    ),
    broker_drill(
        "broker-majority",
        "When two of three nodes die nothing is confirmed until one is back, and what was confirmed before is kept.",
        kill_majority,
        Promise(faults=2, silent=True, by_design=_OF_OUR_OWN),
        source=_QUORUM,
    ),
)
