"""The leader of a queue dies by ``kill -9`` under load: what was acknowledged is kept, and another node takes over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from scenarios.drill_queues import SELF_REMOVAL
from scenarios.failover.watching import Watch, watching
from sim.checks.leader_loss import (
    AFTER,
    BEFORE,
    CONSUME,
    CONTROL_CONSUME,
    CONTROL_DRAIN,
    CONTROL_PUBLISH,
    DRAIN,
    PUBLISH,
    QUEUE,
    RECOVERY_DEADLINE_S,
    judge_leader_loss,
)
from sim.errors import SimError, Unreachable
from sim.faults.kill import Kill
from sim.history import Outcome
from sim.load.publishing import Letters, Progress, publish_one, publishing
from sim.scenario import Scenario, Stage
from sim.servers.protocol import BrokerCluster

# No type is asked for: the platform's own default decides, documented as quorum (section 6). Every message is
# transient, which a quorum queue stores and copies all the same ("Quorum Queues", feature matrix), so that what
# survives does so by the queue's type alone. The control differs in nothing but that type.
MAIN_QUEUE_ARGUMENTS: Mapping[str, Any] = {**SELF_REMOVAL}
CONTROL_QUEUE_ARGUMENTS: Mapping[str, Any] = {**SELF_REMOVAL, "x-queue-type": "classic"}

RATE_PER_S = 50.0
STEADY_S = 3.0
OUTAGE_S = 5.0
CONTROL_MESSAGES = 50
_MEMBERS_DEADLINE_S = 60.0
_CONFIRMS_AFTER = 20
_DRAIN_IDLE_S = 1.0
_DRAIN_DEADLINE_S = 40.0
_POLL_S = 0.1


def rehearse(stage: Stage) -> None:
    broker = stage.servers.broker()
    prefix = f"sim.failover.{stage.rng.getrandbits(48):012x}"
    main, control = f"{prefix}.main", f"{prefix}.control"
    with ExitStack() as cleanup:
        cleanup.callback(broker.delete_queue, main)
        broker.declare_queue(main, MAIN_QUEUE_ARGUMENTS, node=stage.rng.choice(broker.nodes))
        victim = _see_whole(stage, broker, main, BEFORE)
        cleanup.callback(broker.delete_queue, control)
        broker.declare_queue(control, CONTROL_QUEUE_ARGUMENTS, node=victim)
        _fill_control(stage, broker, control)
        _drill(stage, broker, main, victim)
        _see_whole(stage, broker, main, AFTER)
        _drain(stage, broker, main, DRAIN, CONSUME)
        _drain(stage, broker, control, CONTROL_DRAIN, CONTROL_CONSUME)


def _drill(stage: Stage, broker: BrokerCluster, queue: str, victim: str) -> None:
    letters = Letters(PUBLISH, queue, "m", RATE_PER_S)
    publisher = broker.publisher(stage.rng.getrandbits(32))
    with watching(stage, broker, queue) as watch, publishing(stage, publisher, letters) as load:
        _wait(stage, lambda: stage.clock.now_s() >= load.began_s + STEADY_S or bool(load.failure), STEADY_S + 1.0)
        killed_s = stage.clock.now_s()
        with Kill(victim, ready=lambda: _serves(broker, victim)).inject(stage) as killed:
            if killed:
                _wait(stage, lambda: _recovered(stage, load, watch, victim, killed_s), RECOVERY_DEADLINE_S + 2.0)
        _wait(stage, lambda: _whole(broker, queue) is not None, _MEMBERS_DEADLINE_S)
        # A node that comes back must not disturb either: a few more seconds under load would show it.
        back_s = stage.clock.now_s()
        _wait(stage, lambda: stage.clock.now_s() >= back_s + STEADY_S, STEADY_S + 1.0)


def _recovered(stage: Stage, load: Progress, watch: Watch, victim: str, killed_s: float) -> bool:
    """Down long enough, confirming again, and somebody else seen to lead."""
    return bool(load.failure) or (
        stage.clock.now_s() >= killed_s + OUTAGE_S
        and load.confirmed_since(killed_s) >= _CONFIRMS_AFTER
        and watch.seen_s >= killed_s
        and watch.leader not in {"", victim}
    )


def _serves(broker: BrokerCluster, node: str) -> bool:
    return node in broker.running_nodes(node)


def _whole(broker: BrokerCluster, queue: str) -> Mapping[str, Any] | None:
    """The queue, when it has a leader and every member is online."""
    found = broker.queue(queue)
    if found and found["leader"] and set(found["members"]) == set(found["online"]):
        return found
    return None


def _see_whole(stage: Stage, broker: BrokerCluster, queue: str, phase: str) -> str:
    """Wait for the whole queue and record it as it then is. Returns its leader; raises Unreachable without one."""
    _wait(stage, lambda: _whole(broker, queue) is not None, _MEMBERS_DEADLINE_S)
    found = broker.queue(queue) or {}
    leader = str(found.get("leader", ""))
    stage.record(
        QUEUE,
        queue,
        Outcome.OK if leader and set(found["members"]) == set(found["online"]) else Outcome.FAILED,
        phase=phase,
        type=str(found.get("type", "")),
        leader=leader,
        members=sorted(found.get("members", ())),
        online=sorted(found.get("online", ())),
    )
    if not leader and phase == BEFORE:
        raise Unreachable(f"Queue {queue} got no leader within {_MEMBERS_DEADLINE_S:g} s.")
    return leader


def _fill_control(stage: Stage, broker: BrokerCluster, queue: str) -> None:
    """Messages that the same death must destroy."""
    letters = Letters(CONTROL_PUBLISH, queue, "c", RATE_PER_S)
    publisher = broker.publisher(stage.rng.getrandbits(32))
    try:
        for number in range(CONTROL_MESSAGES):
            publish_one(stage, publisher, letters, number, stage.clock.now_s())
    finally:
        publisher.close()


def _drain(stage: Stage, broker: BrokerCluster, queue: str, op: str, consume_op: str) -> None:
    try:
        bodies = broker.drain(queue, _DRAIN_IDLE_S, _DRAIN_DEADLINE_S)
    except SimError as error:
        stage.record(op, queue, Outcome.UNSURE, actor="consumer", message=str(error))
        return
    for body in bodies:
        stage.record(consume_op, queue, Outcome.OK, actor="consumer", id=body.decode("utf-8", "backslashreplace"))
    stage.record(op, queue, Outcome.OK, actor="consumer", messages=len(bodies))


def _wait(stage: Stage, condition: Callable[[], bool], deadline_s: float) -> None:
    """Until the condition holds, or the deadline: what was reached is for the judge to see in the history."""
    ends_s = stage.clock.now_s() + deadline_s
    while stage.clock.now_s() < ends_s:
        try:
            if condition():
                return
        except SimError:
            pass  # a node that is away cannot be asked; the deadline decides
        stage.clock.sleep_s(_POLL_S)


BROKER_LEADER = Scenario(
    name="failover/broker-leader",
    claim="When the node that leads a queue dies, no acknowledged message is lost and another node is elected.",
    section="6",
    needs=("rabbitmq",),
    rehearse=rehearse,
    judge=judge_leader_loss,
    source="Jepsen total-queue (jepsen.checker); RabbitMQ documentation, Quorum Queues",
    parameters={
        "rate_per_s": RATE_PER_S,
        "steady_s": STEADY_S,
        "outage_s": OUTAGE_S,
        "control_messages": float(CONTROL_MESSAGES),
        "recovery_deadline_s": RECOVERY_DEADLINE_S,
    },
)
