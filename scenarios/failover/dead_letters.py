"""Messages that expire while the cluster is split: each one acknowledged arrives among the dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from scenarios.drill_queues import SELF_REMOVAL
from scenarios.failover.broker_drills import RATE_PER_S, STEADY_S, drain, see_empty, see_whole, wait
from scenarios.failover.partitions import CUT_S
from sim.checks.broker_drill import AFTER, BEFORE, CONSUME, DRAIN, PUBLISH, Promise, judge_broker_drill
from sim.checks.split import also, emptied
from sim.faults.partition import Partition
from sim.faults.shapes import halves
from sim.load.publishing import Letters, pipelining
from sim.scenario import Scenario, Stage

TTL_MS = 1000
_EMPTY_DEADLINE_S = 60.0
_ARRIVAL_DEADLINE_S = 90.0


def _arguments(target: str) -> Mapping[str, Any]:
    """At-least-once dead lettering wants all three (RabbitMQ documentation, Quorum Queues)."""
    return {
        **SELF_REMOVAL,
        "x-queue-type": "quorum",
        "x-message-ttl": TTL_MS,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": target,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _rehearse(stage: Stage) -> None:
    broker = stage.servers.broker()
    prefix = f"sim.failover.{stage.rng.getrandbits(48):012x}"
    expiring, dead = f"{prefix}.expiring", f"{prefix}.dead"
    with ExitStack() as cleanup:
        for name, arguments in ((dead, {**SELF_REMOVAL}), (expiring, _arguments(dead))):
            cleanup.callback(broker.delete_queue, name)
            broker.declare_queue(name, arguments)
        see_whole(stage, broker, expiring, BEFORE)
        confirmed = _under_load(stage, expiring)
        wait(stage, lambda: (broker.queue(expiring) or {"messages": 1})["messages"] == 0, _EMPTY_DEADLINE_S)
        # Those that have left the one queue are not yet in the other: they travel a few at a time, each confirmed.
        wait(stage, lambda: (broker.queue(dead) or {"messages": 0})["messages"] >= confirmed, _ARRIVAL_DEADLINE_S)
        see_whole(stage, broker, expiring, AFTER)
        drain(stage, broker, dead, DRAIN, CONSUME)
        see_empty(stage, broker, expiring)


def _under_load(stage: Stage, queue: str) -> int:
    """How many were confirmed."""
    broker, clock = stage.servers.broker(), stage.clock
    pipeline = broker.pipeline(stage.rng.getrandbits(32))
    with pipelining(stage, pipeline, Letters(PUBLISH, queue, "m", RATE_PER_S)) as load:

        def let_pass(seconds: float) -> None:
            ends_s = clock.now_s() + seconds
            wait(stage, lambda: bool(load.failure) or clock.now_s() >= ends_s, seconds + 1.0)

        let_pass(STEADY_S)
        with Partition(*halves(broker.nodes, stage.rng)).inject(stage) as effective:
            if effective:
                let_pass(CUT_S)
        healed_s = clock.now_s()
        wait(stage, lambda: load.confirmed_since(healed_s) >= 20, _EMPTY_DEADLINE_S)
        let_pass(STEADY_S)
    return len(load.confirmed_sent_s)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover/broker-dead-letters",
        claim="Messages that expire while the cluster is split all arrive among the dead letters, once or more.",
        section="6",
        needs=("rabbitmq",),
        rehearse=_rehearse,
        judge=also(judge_broker_drill(Promise()), emptied),
        essential=False,
        source="rabbitmq/jepsen, dead-lettering workload; RabbitMQ documentation, Quorum Queues (dead lettering)",
        parameters={"ttl_ms": float(TTL_MS), "cut_s": CUT_S, "rate_per_s": RATE_PER_S},
        lasts_s=75.0,
    ),
)
