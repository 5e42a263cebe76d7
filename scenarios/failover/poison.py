"""Messages that kill their consumer, or that it gives back for ever: set aside by the queue, not by the consumer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from scenarios.drill_queues import SELF_REMOVAL
from scenarios.failover.broker_drills import ASYNC, drain
from sim.checks.facts import ask
from sim.checks.poison import (
    CRASHED,
    DEAD,
    DELIVERY,
    DRAIN,
    NACKED,
    POISON_PREFIX,
    PROCESSED,
    PUBLISH,
    VERSION,
    is_poison,
    judge_poison,
)
from sim.errors import RigError
from sim.history import Outcome
from sim.load.publishing import Letters, id_of, publish_one
from sim.scenario import Scenario, Stage
from sim.servers.messaging_protocol import Consumer, Taken

_LIMIT = 3
_GOOD, _POISON_EVERY = 40, 10
_RATE_PER_S = 100.0
_DEADLINE_S = 45.0
_QUIET_S = 1.0
_LOOK_S = 0.1


def _rehearse(stage: Stage, did: str) -> None:
    broker = stage.servers.broker()
    queue = f"sim.failover.{stage.rng.getrandbits(48):012x}.work"
    dead = f"{queue}.dead-letter"
    arguments: Mapping[str, Any] = {
        **SELF_REMOVAL,
        "x-delivery-limit": _LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
    }
    if did == NACKED:
        ask(stage, VERSION, broker.nodes[0], lambda: broker.version(broker.nodes[0]))
    with ExitStack() as cleanup:
        for name, given in ((dead, SELF_REMOVAL), (queue, arguments)):
            cleanup.callback(broker.delete_queue, name)
            broker.declare_queue(name, given)
        _publish(stage, queue)
        # One message in hand at a time: a crash counts against the message that caused it and no other.
        consumer = broker.consumer(queue, ASYNC[0], prefetch=1, seed=stage.rng.getrandbits(32))
        cleanup.callback(consumer.close)
        _work_off(stage, consumer, queue, did)
        consumer.close()
        drain(stage, broker, queue, DRAIN, DELIVERY)
        drain(stage, broker, dead, DRAIN, DEAD)


def _publish(stage: Stage, queue: str) -> None:
    publisher = stage.servers.broker().publisher(stage.rng.getrandbits(32))
    try:
        for number in range(_GOOD):
            prefix = POISON_PREFIX if number % _POISON_EVERY == _POISON_EVERY // 2 else "m"
            letters = Letters(PUBLISH, queue, prefix, _RATE_PER_S)
            publish_one(stage, publisher, letters, number, stage.clock.now_s())
    finally:
        publisher.close()


def _work_off(stage: Stage, consumer: Consumer, queue: str, did: str) -> None:
    """Until nothing has come for a while. Raises RigError at the deadline: a loop without end must not hang the run."""
    ends_s = stage.clock.now_s() + _DEADLINE_S
    heard_s = stage.clock.now_s()
    while stage.clock.now_s() - heard_s < _QUIET_S:
        for taken in consumer.take(_LOOK_S):
            heard_s = stage.clock.now_s()
            _handle(stage, consumer, queue, did, taken)
        if stage.clock.now_s() >= ends_s:
            raise RigError(f"Queue {queue} was still delivering after {_DEADLINE_S:g} s.")


def _handle(stage: Stage, consumer: Consumer, queue: str, did: str, taken: Taken) -> None:
    message = id_of(taken.body)
    what = did if is_poison(message) else PROCESSED
    stage.record(DELIVERY, queue, Outcome.OK, actor="consumer", id=message, did=what, failed_before=taken.deliveries)
    if what == CRASHED:
        consumer.die()
    elif what == NACKED:
        consumer.reject(taken, requeue=True)
    else:
        consumer.acknowledge(taken)


def _scenario(name: str, claim: str, did: str, source: str) -> Scenario:
    return Scenario(
        name=f"failover/{name}",
        claim=claim,
        section="6",
        needs=("rabbitmq",),
        rehearse=lambda stage: _rehearse(stage, did),
        judge=judge_poison(did, _LIMIT),
        essential=False,
        source=source,
        parameters={"delivery_limit": float(_LIMIT), "messages": float(_GOOD)},
    )


SCENARIOS: tuple[Scenario, ...] = (
    _scenario(
        "consumer-crash-loop",
        "A message that kills its consumer each time is set aside after the delivery limit; the others are processed.",
        CRASHED,
        "RabbitMQ documentation, Quorum Queues, Poison Message Handling",
    ),
    _scenario(
        "consumer-nack-loop",
        "A message given back each time is set aside after the delivery limit; the others are processed.",
        NACKED,
        "RabbitMQ documentation, Quorum Queues, Poison Message Handling; what counts depends on the release",
    ),
)
