"""The cluster split in every shape: halves, rings, one node alone, one way only; for less or more than the tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scenarios.failover.broker_drills import ASYNC, MIXED, POLLING, Drill, broker_drill, wait
from scenarios.failover.split_observations import see_members, see_store, shorter_tick, watching_logs
from sim.checks.broker_drill import Promise
from sim.checks.split import (
    DECLARED,
    also,
    auto_healed,
    confirmed_before_heal,
    felt_by_publisher,
    judge_minority_declare,
    led_by_majority,
)
from sim.errors import SimError
from sim.faults.fault import Fault
from sim.faults.partition import Partition
from sim.faults.shapes import MajoritiesRing, Sides, fixed_halves, halves, isolated
from sim.history import Outcome
from sim.scenario import Scenario, Stage

CUT_S = 8.0
"""Jepsen's shorter partition lasts 10 s: shorter than the broker's net tick (60 s), as this one is."""
BLIP_S = 3.0
TICK_S = 8
LONG_CUT_S = 16.0
"""Jepsen's longer one lasts 30 s, half a net tick; this one lasts two of a tick shortened to 8 s, and is noticed."""

_JEPSEN = "rabbitmq/jepsen, partition nemeses; Jepsen total-queue (jepsen.checker)"
_PARTITIONS = "RabbitMQ documentation, Clustering and Network Partitions"
_QUORUM = "RabbitMQ documentation, Quorum Queues"
_CUT = {"cut_s": CUT_S}


def cut(drill: Drill, fault: Fault, for_s: float = CUT_S) -> None:
    """The fault for that long, and then until what is sent is confirmed again."""
    with fault.inject(drill.stage) as effective:
        if effective:
            drill.let_pass(for_s)
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)


def _until_confirmed(drill: Drill, sides: Sides, at_least_s: float) -> None:
    """Cut until the majority confirms again by itself, and for that long at least."""
    cut_s = drill.stage.clock.now_s()
    with Partition(*sides).inject(drill.stage) as effective:
        if effective:
            drill.recover(cut_s, at_least_s=at_least_s)
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)


def _isolate_leader(drill: Drill) -> None:
    _until_confirmed(drill, _leader_alone(drill), CUT_S)


def _split(sides: Callable[[Drill], Sides], *, for_s: float = CUT_S, one_way: bool = False) -> Callable[[Drill], None]:
    def trouble(drill: Drill) -> None:
        side, other = sides(drill)
        cut(drill, Partition(side, other, one_way=one_way), for_s)

    return trouble


def _random_halves(drill: Drill) -> Sides:
    return halves(drill.broker.nodes, drill.stage.rng)


def _leader_alone(drill: Drill) -> Sides:
    return isolated(drill.broker.nodes, drill.leader)


def _ring(drill: Drill) -> None:
    cut(drill, MajoritiesRing(drill.broker.nodes, drill.stage.rng.getrandbits(32)))


def _blip(drill: Drill) -> None:
    with watching_logs(drill.stage, drill.broker):
        cut(drill, Partition(*_random_halves(drill)), BLIP_S)
        drill.whole()
    see_members(drill.stage, drill.broker)


def _longer_than_the_tick(drill: Drill) -> None:
    with (
        shorter_tick(drill.stage, drill.broker, TICK_S),
        watching_logs(drill.stage, drill.broker),
    ):
        _until_confirmed(drill, _leader_alone(drill), LONG_CUT_S)
        wait(drill.stage, lambda: any(map(drill.broker.partitions, drill.broker.nodes)), 10.0)
    see_members(drill.stage, drill.broker)


def _publisher_alone(drill: Drill) -> Sides:
    return isolated(drill.broker.nodes, drill.pipeline.node or drill.leader)


_WHOLE = (
    *(
        broker_drill(
            f"broker-halves-{name}",
            f"When the nodes fall into two halves at random, under {who}, nothing acknowledged is lost.",
            _split(_random_halves),
            Promise(),
            consumers=consumers,
            source=_JEPSEN,
            parameters=_CUT,
        )
        for name, who, consumers in (
            ("async", "waiting consumers", ASYNC),
            ("polling", "polling consumers", POLLING),
            ("mixed", "waiting and polling consumers", MIXED),
        )
    ),
    broker_drill(
        "broker-fixed-halves",
        "When the same node is always the one cut off from the others, nothing acknowledged is lost.",
        _split(lambda drill: fixed_halves(drill.broker.nodes)),
        Promise(),
        consumers=MIXED,
        source=_JEPSEN,
        parameters=_CUT,
    ),
    broker_drill(
        "broker-majorities-ring",
        "When no two nodes hear the same ones nothing is confirmed, nothing is lost, and all goes on afterwards.",
        _ring,
        Promise(silent=True),
        consumers=MIXED,
        source=f"{_JEPSEN} (of three nodes a ring leaves no pair that hears each other both ways)",
        parameters=_CUT,
    ),
    broker_drill(
        "broker-isolated-node",
        "When one node at random is cut off from both others, nothing acknowledged is lost.",
        _split(lambda drill: isolated(drill.broker.nodes, drill.stage.rng.choice(drill.broker.nodes))),
        Promise(),
        consumers=ASYNC,
        source=_JEPSEN,
        parameters=_CUT,
    ),
    broker_drill(
        "broker-one-way",
        "When nothing that the leader sends arrives, though it hears the others, nothing acknowledged is lost.",
        _split(_leader_alone, one_way=True),
        Promise(),
        consumers=MIXED,
        source=f"{_QUORUM}; partial partitions: Alquraan et al., OSDI 2018",
        parameters=_CUT,
    ),
)

LEADER_ALONE = broker_drill(
    "broker-isolated-leader",
    "When the leader is cut off, the majority elects another, and the old one steps down without a loss.",
    _isolate_leader,
    Promise(),
    consumers=MIXED,
    source=f"{_JEPSEN}; {_QUORUM}",
    essential=True,
    parameters=_CUT,
)
PUBLISHER_ALONE = broker_drill(
    "broker-minority-publisher",
    "What is published on a node that is cut off comes late, is refused or stays unanswered, and is never lost once"
    " acknowledged.",
    _split(_publisher_alone),
    Promise(),
    consumers=ASYNC,
    source=_QUORUM,
    parameters=_CUT,
)
BLIP = broker_drill(
    "broker-short-partition",
    "A partition shorter than the net tick restarts no node and loses nothing.",
    _blip,
    Promise(),
    consumers=MIXED,
    source=_PARTITIONS,
    parameters={"cut_s": BLIP_S},
)
AUTOHEAL = broker_drill(
    "broker-autoheal",
    "After a partition longer than the net tick the losing nodes restart by themselves; quorum queues, which went on"
    " before that, lose nothing (C9).",
    _longer_than_the_tick,
    Promise(),
    consumers=MIXED,
    source=f"{_PARTITIONS}; {_JEPSEN}",
    parameters={"cut_s": LONG_CUT_S, "tick_s": float(TICK_S)},
)


def _declare_alone(stage: Stage) -> None:
    """Cut one node off for longer than the tick, and ask it for a queue; there is nothing to learn from Mnesia."""
    broker = stage.servers.broker()
    alone = stage.rng.choice(broker.nodes)
    name = f"sim.failover.{stage.rng.getrandbits(48):012x}.declared"
    if see_store(stage, broker, alone) == "mnesia":
        return
    side, other = isolated(broker.nodes, alone)
    with shorter_tick(stage, broker, TICK_S), watching_logs(stage, broker):
        with Partition(side, other).inject(stage) as effective:
            if effective:
                wait(stage, lambda: broker.running_nodes(alone) == (alone,), 2.5 * TICK_S)
                try:
                    broker.declare_queue(name, {"x-expires": 60_000}, node=alone)
                except SimError as error:
                    stage.record(DECLARED, alone, Outcome.FAILED, message=error.what)
                else:
                    stage.record(DECLARED, alone, Outcome.OK)
        wait(stage, lambda: broker.running_nodes(alone) == broker.nodes, 60.0)
    see_members(stage, broker)
    broker.delete_queue(name)


MINORITY_DECLARE = Scenario(
    name="failover/broker-minority-declare",
    claim="With Khepri (RabbitMQ 4.3) a node that is cut off declares nothing, and auto-heal has nothing to do (C9).",
    section="6",
    needs=("rabbitmq",),
    rehearse=_declare_alone,
    judge=judge_minority_declare,
    essential=False,
    source="RabbitMQ documentation, Metadata Store (Khepri)",
    parameters={"tick_s": float(TICK_S)},
)

SCENARIOS: tuple[Scenario, ...] = (
    *_WHOLE,
    replace(LEADER_ALONE, judge=also(LEADER_ALONE.judge, led_by_majority, confirmed_before_heal)),
    replace(PUBLISHER_ALONE, judge=also(PUBLISHER_ALONE.judge, felt_by_publisher)),
    replace(BLIP, judge=also(BLIP.judge, auto_healed(wanted=False))),
    replace(AUTOHEAL, judge=also(AUTOHEAL.judge, auto_healed(wanted=True), confirmed_before_heal), lasts_s=40.0),
    MINORITY_DECLARE,
)
