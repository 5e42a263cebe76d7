"""A quorum queue from publisher to consumer at a fixed rate, in PerfTest's shape: confirms, a prefetch, one size."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from scenarios.drill_queues import SELF_REMOVAL
from scenarios.throughput.crowd import put_in_force
from scenarios.throughput.direct import CONTROL_S, MEASURED_S, STALL_S, usual_segments
from scenarios.throughput.recording import record
from sim.checks.direct_load import judge_broker_delivery
from sim.checks.load_history import CONTROL
from sim.errors import RigError, Unreachable
from sim.faults.pause import Pause
from sim.history import Outcome
from sim.load.cues import Cue
from sim.load.direct import DirectLoad
from sim.load.open_loop import Segment
from sim.scenario import Scenario, Stage
from sim.servers.messaging_protocol import Consumer
from sim.servers.protocol import BrokerCluster, Publisher

RATE_PER_S = 60.0
# A model takes its time for each message, and rehearses many times faster than the clock.
MODELLED_RATE_PER_S, MODELLED_S = 8.0, 45.0
PUBLISHERS = 4
PREFETCH = 100
BODY_BYTES = 1024
_WAIT_S = 0.05
_FAREWELL_S = 10.0
_LEADER_DEADLINE_S = 30.0
_POLL_S = 0.1


@dataclass(slots=True)
class _Delivery:
    """The consumer's side. ``arrived_s`` is by the message's number within the segment being played."""

    consumer: Consumer
    stage: Stage
    segment: str = ""
    arrived_s: dict[int, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    failures: list[str] = field(default_factory=list)

    def begin(self, segment: str) -> None:
        self.segment = segment
        self.arrived_s.clear()

    def take(self, wait_s: float) -> None:
        for taken in self.consumer.take(wait_s):
            now_s = self.stage.clock.now_s()
            self.consumer.acknowledge(taken)
            segment, _, number = taken.body.rstrip(b".").decode().rpartition("-")
            if segment == self.segment:
                self.arrived_s.setdefault(int(number), now_s)

    def serve(self) -> None:
        try:
            while not self.stop.is_set():
                self.take(_WAIT_S)
        except Exception as error:  # noqa: BLE001 - a dead consumer must show, whatever killed it
            self.failures.append(f"{type(error).__name__}: {error}")


def rehearse(stage: Stage) -> None:
    broker = stage.servers.broker()
    queue = f"sim.throughput.{stage.rng.getrandbits(48):012x}"
    with ExitStack() as cleanup:
        cleanup.callback(broker.delete_queue, queue)
        broker.declare_queue(queue, {**SELF_REMOVAL, "x-queue-type": "quorum"}, node=stage.rng.choice(broker.nodes))
        leader = _leader(stage, broker, queue)
        consumer = broker.consumer(queue, "async", prefetch=PREFETCH, seed=stage.rng.getrandbits(32))
        delivery = _Delivery(consumer, stage)
        cleanup.enter_context(_consuming(delivery, modelled=stage.servers.modelled))
        publishers = [broker.publisher(stage.rng.getrandbits(32)) for _ in range(PUBLISHERS)]
        for publisher in publishers:
            cleanup.callback(publisher.close)
        segments = (
            usual_segments(MODELLED_RATE_PER_S, MODELLED_S) if stage.servers.modelled else usual_segments(RATE_PER_S)
        )
        _drive(stage, (queue, leader), delivery, publishers, segments)


def _drive(
    stage: Stage,
    where: tuple[str, str],
    delivery: _Delivery,
    publishers: Sequence[Publisher],
    segments: Sequence[Segment],
) -> None:
    queue, leader = where
    workers = [partial(_publish, publisher, queue, delivery) for publisher in publishers]
    engine = DirectLoad(workers, stage.clock, stage.rng, modelled=stage.servers.modelled, arrived_s=delivery.arrived_s)
    with ExitStack() as fault:
        stall = (
            Cue(STALL_S, lambda: put_in_force(fault, Pause(leader), stage)),
            Cue(2 * STALL_S, fault.close),
        )
        for segment in segments:
            delivery.begin(segment.name)
            report = engine.play(segment, stall if segment.name == CONTROL else ())
            if delivery.failures:
                raise RigError(f"The consumer failed: {delivery.failures[0]}.")
            record(stage, engine.name, queue, report, prefetch=PREFETCH, body_bytes=BODY_BYTES)


def _publish(publisher: Publisher, queue: str, delivery: _Delivery, number: int) -> str:
    body = f"{delivery.segment}-{number}".encode().ljust(BODY_BYTES, b".")
    confirm = publisher.publish("", queue, body)
    if delivery.stage.servers.modelled:
        delivery.take(0.0)  # nobody else does
    if confirm.outcome is not Outcome.OK:
        raise Unreachable(f"not confirmed: {confirm.message}")
    return "message"


@contextmanager
def _consuming(delivery: _Delivery, *, modelled: bool) -> Iterator[None]:
    thread = threading.Thread(target=delivery.serve, name="consumer", daemon=True)
    if not modelled:
        thread.start()
    try:
        yield
    finally:
        delivery.stop.set()
        if not modelled:
            thread.join(_FAREWELL_S)
        delivery.consumer.close()


def _leader(stage: Stage, broker: BrokerCluster, queue: str) -> str:
    """Raises Unreachable when the queue gets none."""
    ends_s = stage.clock.now_s() + _LEADER_DEADLINE_S
    while stage.clock.now_s() < ends_s:
        leader = str((broker.queue(queue) or {}).get("leader", ""))
        if leader:
            return leader
        stage.clock.sleep_s(_POLL_S)
    raise Unreachable(f"Queue {queue} got no leader within {_LEADER_DEADLINE_S:g} s.")


BROKER_DELIVERY = Scenario(
    name="throughput/broker-delivery",
    claim="A quorum queue delivers a steady stream from publisher to consumer, 99 % within a second of when due.",
    section="6",
    needs=("rabbitmq",),
    rehearse=rehearse,
    judge=judge_broker_delivery,
    essential=False,
    source="RabbitMQ PerfTest (confirms, --qos, --size, --rate); document, section 9 (alert above 1 s)",
    parameters={
        "rate_per_s": RATE_PER_S,
        "publishers": float(PUBLISHERS),
        "prefetch": float(PREFETCH),
        "body_bytes": float(BODY_BYTES),
        "measured_s": MEASURED_S,
        "control_s": CONTROL_S,
        "stall_s": STALL_S,
    },
)
