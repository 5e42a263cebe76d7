"""The cluster split in every shape: halves, rings, one node alone, one way only; for less or more than the tick.

Two detectors look for silent nodes. Erlang's net tick takes a peer for down after 60 s of silence, a quarter more or
less (the broker's default; the document sets none), and only then has the documented auto-heal anything to do. A quorum
queue does not wait for it: a publish needs a majority's answer at once, and Ra's own detector, which polls once a
second, has the majority elect another leader within seconds. A split of 12 s is therefore one that queues must live
through and auto-heal never hears of. Each member is asked twice how far its log goes, in the cut: one
through which every log went on was never felt, and proves nothing. What auto-heal makes of a split is tried
by one that outlasts a tick shortened for it (``broker-autoheal``).

rabbitmq/jepsen does both as well, in proportion: its net tick is 15 s, its splits last 10 s (two thirds of it) and 30 s
(twice it), with Ra polling every second as here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scenarios.failover.broker_drills import ASYNC, MIXED, POLLING, Drill, broker_drill, wait
from scenarios.failover.split_observations import see_members, see_split, see_store, shorter_tick, watching_logs
from sim.checks.broker_drill import Promise
from sim.checks.split import (
    DECLARED,
    also,
    auto_healed,
    confirmed_before_heal,
    felt_by_publisher,
    judge_minority_declare,
    led_by_majority,
    split_felt,
)
from sim.errors import SimError
from sim.faults.fault import Fault
from sim.faults.partition import Partition
from sim.faults.shapes import MajoritiesRing, Sides, fixed_halves, halves, isolated
from sim.history import Outcome
from sim.scenario import Scenario, Stage

CUT_S = 12.0
"""Shorter than the net tick, and several times what Ra's detector takes."""
BLIP_S = 3.0
_BEGUN_S = 5.5
"""A node tells anew how far a queue's log goes every 5 s: what it tells then is of the cut, and so 5.5 s later."""
TICK_S = 8
LONG_CUT_S = 16.0
"""Twice a tick shortened to 8 s, as Jepsen's longer one is twice its own: the net tick notices."""

_JEPSEN = "rabbitmq/jepsen, partition nemeses; Jepsen total-queue (jepsen.checker)"
_PARTITIONS = "RabbitMQ documentation, Clustering and Network Partitions"
_QUORUM = "RabbitMQ documentation, Quorum Queues"
_CUT = {"cut_s": CUT_S}


def cut(drill: Drill, fault: Fault, for_s: float = CUT_S, *, splits: bool = False) -> None:
    """The fault for that long, and then until what is sent is confirmed again. ``splits``: it parts the members."""
    with fault.inject(drill.stage) as effective:
        if effective and splits:
            _felt(drill, lambda: drill.let_pass(for_s - _BEGUN_S))
        elif effective:
            drill.let_pass(for_s)
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)


def _felt(drill: Drill, meanwhile: Callable[[], object]) -> None:
    """How far the members' logs go when the cut has begun, and at its end."""
    drill.let_pass(_BEGUN_S)
    see_split(drill.stage, drill.broker, drill.queue)
    meanwhile()
    see_split(drill.stage, drill.broker, drill.queue)


def _until_confirmed(drill: Drill, sides: Sides, at_least_s: float) -> None:
    """Cut until the majority confirms again by itself, and for that long at least."""
    cut_s = drill.stage.clock.now_s()
    with Partition(*sides).inject(drill.stage) as effective:
        if effective:
            _felt(drill, lambda: drill.recover(cut_s, at_least_s=at_least_s))
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)


def _isolate_leader(drill: Drill) -> None:
    _until_confirmed(drill, _leader_alone(drill), CUT_S)


def _split(sides: Callable[[Drill], Sides], *, for_s: float = CUT_S, one_way: bool = False) -> Callable[[Drill], None]:
    def trouble(drill: Drill) -> None:
        side, other = sides(drill)
        cut(drill, Partition(side, other, one_way=one_way), for_s, splits=True)

    return trouble


def _random_halves(drill: Drill) -> Sides:
    return halves(drill.broker.nodes, drill.stage.rng)


def _leader_alone(drill: Drill) -> Sides:
    return isolated(drill.broker.nodes, drill.leader)


def _ring(drill: Drill) -> None:
    cut(drill, MajoritiesRing(drill.broker.nodes, drill.stage.rng.getrandbits(32)), splits=True)


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
    *(replace(one, judge=also(one.judge, split_felt)) for one in _WHOLE),
    replace(LEADER_ALONE, judge=also(LEADER_ALONE.judge, split_felt, led_by_majority, confirmed_before_heal)),
    replace(PUBLISHER_ALONE, judge=also(PUBLISHER_ALONE.judge, split_felt, felt_by_publisher)),
    replace(BLIP, judge=also(BLIP.judge, auto_healed(wanted=False))),
    replace(
        AUTOHEAL, judge=also(AUTOHEAL.judge, split_felt, auto_healed(wanted=True), confirmed_before_heal), lasts_s=40.0
    ),
    MINORITY_DECLARE,
)
