"""The one shape of every drill of the broker: a queue under load, trouble, healing, a drain, and everything on record.

A drill differs from another in its trouble (what is broken, for how long), its consumers, and what is promised of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from scenarios.drill_queues import SELF_REMOVAL
from scenarios.failover.watching import Watch, watching
from sim.checks.broker_drill import (
    AFTER,
    BEFORE,
    CONSUME,
    CONTROL_CONSUME,
    CONTROL_DRAIN,
    CONTROL_PUBLISH,
    DRAIN,
    PUBLISH,
    QUEUE,
    READY,
    RECOVERY_DEADLINE_S,
    Promise,
    judge_broker_drill,
)
from sim.errors import SimError, Unreachable
from sim.history import Outcome
from sim.load.consuming import Readers, Reading, consuming
from sim.load.pacing import Progress
from sim.load.publishing import Letters, pipelining, publish_one
from sim.scenario import Scenario, Stage
from sim.servers.messaging_protocol import ConsumerMode, Pipeline
from sim.servers.protocol import BrokerCluster

ASYNC: tuple[ConsumerMode, ...] = ("async",)
POLLING: tuple[ConsumerMode, ...] = ("polling",)
MIXED: tuple[ConsumerMode, ...] = ("async", "polling")

RATE_PER_S = 100.0
READ_PER_S = 50.0
"""Half as fast as messages come: a queue that is always empty has nothing to lose."""
STEADY_S = 2.5
OUTAGE_S = 4.0
CONTROL_MESSAGES = 50
MEMBERS_DEADLINE_S = 60.0
_CONFIRMS_AFTER = 20
_DRAIN_IDLE_S = 0.5
_DRAIN_DEADLINE_S = 40.0
_POLL_S = 0.1

# No type is asked for: the platform's own default decides, documented as quorum (section 6). Every message is
# transient, which a quorum queue stores and copies all the same ("Quorum Queues", feature matrix), so that what
# survives does so by the queue's type alone. The control differs in nothing but that type.
MAIN_QUEUE_ARGUMENTS: Mapping[str, Any] = {**SELF_REMOVAL}
CONTROL_QUEUE_ARGUMENTS: Mapping[str, Any] = {**SELF_REMOVAL, "x-queue-type": "classic"}

UNREPLICATED = "that were transient, in a classic queue on the killed node,"
HASTY = "taken by a consumer that acknowledges before it processes"
"""The controls there are, in the words of :class:`Promise`: what each loses by the same death."""
_HASTY_PER_S = 5.0


@dataclass(slots=True)
class Drill:
    """A drill under way: what its trouble may look at and wait for; ``hasty`` is the control's consumer, if any."""

    stage: Stage
    broker: BrokerCluster
    queue: str
    pipeline: Pipeline
    load: Progress
    watch: Watch
    reading: Reading
    hasty: Reading | None = None

    @property
    def leader(self) -> str:
        """Who leads the queue at present. Raises Unreachable when nobody does."""
        found = self.broker.queue(self.queue) or {}
        if not found.get("leader"):
            raise Unreachable(f"Queue {self.queue} has no leader.")
        return str(found["leader"])

    @property
    def followers(self) -> tuple[str, ...]:
        leader = self.leader
        return tuple(node for node in self.broker.nodes if node != leader)

    def let_pass(self, seconds: float) -> None:
        """Time under load; cut short when the publisher has died."""
        ends_s = self.stage.clock.now_s() + seconds
        self.wait(lambda: self.stage.clock.now_s() >= ends_s, seconds + 1.0)

    def wait(self, condition: Callable[[], bool], deadline_s: float) -> bool:
        """Until it holds or the deadline: what was reached is for the judge to see. False when it did not hold."""
        return wait(self.stage, lambda: bool(self.load.failure) or condition(), deadline_s)

    def recover(self, since_s: float, *, at_least_s: float = OUTAGE_S, not_led_by: str = "") -> bool:
        """Wait until it confirms again what was sent since, and, when asked for, until somebody else leads."""

        def recovered() -> bool:
            if self.stage.clock.now_s() < since_s + at_least_s or self.load.confirmed_since(since_s) < _CONFIRMS_AFTER:
                return False
            return not not_led_by or (self.watch.seen_s >= since_s and self.watch.leader not in {"", not_led_by})

        return self.wait(recovered, RECOVERY_DEADLINE_S + 2.0)

    def whole(self) -> bool:
        """Wait until every member of the queue is online again."""
        return self.wait(lambda: whole_queue(self.broker, self.queue) is not None, MEMBERS_DEADLINE_S)

    def serves(self, node: str) -> Callable[[], bool]:
        """Whether a node is in the cluster again, in its own eyes; for a fault's healing."""
        return lambda: node in self.broker.running_nodes(node)


Trouble = Callable[[Drill], None]
"""Breaks something and heals it, each fault in a ``with`` block of its own; returns when service should be back."""


def no_trouble(drill: Drill) -> None:
    """The baseline: the same load for as long, and nothing breaks."""
    drill.let_pass(OUTAGE_S)


def broker_drill(
    name: str,
    claim: str,
    trouble: Trouble,
    promise: Promise,
    *,
    consumers: Sequence[ConsumerMode] = ASYNC,
    source: str,
    section: str = "6",
    essential: bool = False,
    parameters: Mapping[str, float] | None = None,
) -> Scenario:
    """A scenario of group ``failover``. ``promise.consumers`` and ``ordered`` follow from ``consumers``."""
    held = replace(promise, ordered=tuple(consumers) == ASYNC, consumers=len(consumers))
    return Scenario(
        name=f"failover/{name}",
        claim=claim,
        section=section,
        needs=("rabbitmq",),
        rehearse=lambda stage: _rehearse(stage, trouble, consumers, control=promise.control),
        judge=judge_broker_drill(held),
        essential=essential,
        source=source,
        parameters={"rate_per_s": RATE_PER_S, "steady_s": STEADY_S, "outage_s": OUTAGE_S, **(parameters or {})},
    )


def _rehearse(stage: Stage, trouble: Trouble, consumers: Sequence[ConsumerMode], *, control: str) -> None:
    broker = stage.servers.broker()
    prefix = f"sim.failover.{stage.rng.getrandbits(48):012x}"
    main, lossy = f"{prefix}.main", f"{prefix}.control"
    with ExitStack() as cleanup:
        cleanup.callback(broker.delete_queue, main)
        broker.declare_queue(main, MAIN_QUEUE_ARGUMENTS, node=stage.rng.choice(broker.nodes))
        leader = see_whole(stage, broker, main, BEFORE)
        if control:
            cleanup.callback(broker.delete_queue, lossy)
            arguments = CONTROL_QUEUE_ARGUMENTS if control == UNREPLICATED else MAIN_QUEUE_ARGUMENTS
            broker.declare_queue(lossy, arguments, node=leader)
            _fill_control(stage, broker, lossy)
        with _hasty(stage, lossy, wanted=control == HASTY) as hasty:
            _under_load(stage, broker, main, trouble, consumers, hasty=hasty)
        see_whole(stage, broker, main, AFTER)
        drain_to_the_end(stage, broker, main)
        if control:
            drain(stage, broker, lossy, CONTROL_DRAIN, CONTROL_CONSUME)


@contextmanager
def _hasty(stage: Stage, queue: str, *, wanted: bool) -> Iterator[Reading | None]:
    if not wanted:
        yield None
        return
    readers = Readers(CONTROL_CONSUME, queue, ASYNC, _HASTY_PER_S, acknowledges_first=True)
    with consuming(stage, readers) as reading:
        yield reading


def _under_load(
    stage: Stage,
    broker: BrokerCluster,
    queue: str,
    trouble: Trouble,
    consumers: Sequence[ConsumerMode],
    *,
    hasty: Reading | None,
) -> None:
    letters = Letters(PUBLISH, queue, "m", RATE_PER_S)
    pipeline = broker.pipeline(stage.rng.getrandbits(32))
    with (
        watching(stage, broker, queue) as watch,
        consuming(stage, Readers(CONSUME, queue, consumers, READ_PER_S)) as reading,
        pipelining(stage, pipeline, letters) as load,
    ):
        drill = Drill(stage, broker, queue, pipeline, load, watch, reading, hasty)
        drill.let_pass(STEADY_S)
        trouble(drill)
        drill.whole()
        # A node that comes back must not disturb either: a while more under load would show it.
        drill.let_pass(STEADY_S)


def whole_queue(broker: BrokerCluster, queue: str) -> Mapping[str, Any] | None:
    """The queue, when it has a leader and every member is online."""
    found = broker.queue(queue)
    if found and found["leader"] and set(found["members"]) == set(found["online"]):
        return found
    return None


def see_whole(stage: Stage, broker: BrokerCluster, queue: str, phase: str) -> str:
    """Wait for the whole queue and record it as it then is. Returns its leader; raises Unreachable without one."""
    wait(stage, lambda: whole_queue(broker, queue) is not None, MEMBERS_DEADLINE_S)
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
        raise Unreachable(f"Queue {queue} got no leader within {MEMBERS_DEADLINE_S:g} s.")
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


def drain(stage: Stage, broker: BrokerCluster, queue: str, op: str, consume_op: str) -> None:
    """Take what is left, to the end, and record each message and that the end was reached."""
    try:
        bodies = broker.drain(queue, _DRAIN_IDLE_S, _DRAIN_DEADLINE_S)
    except SimError as error:
        stage.record(op, queue, Outcome.UNSURE, actor="drain", message=str(error))
        return
    for body in bodies:
        stage.record(consume_op, queue, Outcome.OK, actor="drain", id=body.decode("utf-8", "backslashreplace"))
    stage.record(op, queue, Outcome.OK, actor="drain", messages=len(bodies))


def drain_to_the_end(stage: Stage, broker: BrokerCluster, queue: str) -> None:
    """Drain until each node says nothing is left, or the deadline; what they said last is on record.

    What a consumer held when its node was cut off comes back once its death is noticed: after a queue was empty.
    """
    ends_s = stage.clock.now_s() + _DRAIN_DEADLINE_S
    while True:
        drain(stage, broker, queue, DRAIN, CONSUME)
        counts = _left(broker, queue)
        if not any(isinstance(found, int) and found for found in counts.values()) or stage.clock.now_s() >= ends_s:
            break
    _tell_left(stage, counts)


def see_empty(stage: Stage, broker: BrokerCluster, queue: str) -> None:
    """What each node says is left."""
    _tell_left(stage, _left(broker, queue))


def _tell_left(stage: Stage, counts: Mapping[str, int | SimError]) -> None:
    for node, found in counts.items():
        if isinstance(found, int):
            stage.record(READY, node, Outcome.OK, messages=found)
        else:
            stage.record(READY, node, Outcome.UNSURE, message=str(found))


def _left(broker: BrokerCluster, queue: str) -> Mapping[str, int | SimError]:
    """By node: how many messages are ready, or why it did not say."""
    found: dict[str, int | SimError] = {}
    for node in broker.nodes:
        try:
            found[node] = broker.ready(queue, node)
        except SimError as error:
            found[node] = error
    return found


def wait(stage: Stage, condition: Callable[[], bool], deadline_s: float) -> bool:
    """Until the condition holds, or the deadline; whether it held."""
    ends_s = stage.clock.now_s() + deadline_s
    while stage.clock.now_s() < ends_s:
        try:
            if condition():
                return True
        except SimError:
            pass  # a node that is away cannot be asked; the deadline decides
        stage.clock.sleep_s(_POLL_S)
    return False
