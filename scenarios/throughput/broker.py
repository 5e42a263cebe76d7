"""Confirmed publishes to a quorum queue at a fixed open-loop rate: is it carried, and how fast is each confirmed."""

from __future__ import annotations

from scenarios.drill_queues import SELF_REMOVAL
from sim.checks.throughput import (
    CONTROL,
    CONTROL_PUBLISH,
    MEASURED,
    PUBLISH,
    SEGMENT,
    STORED,
    WARM_UP,
    judge_throughput,
)
from sim.errors import SimError
from sim.faults.pause import Pause
from sim.history import Outcome
from sim.load.engine import LoadEngine, LoadOrder
from sim.load.in_process import InProcessEngine
from sim.load.locust_engine import LocustEngine
from sim.load.open_loop import Segment
from sim.load.result import SegmentReport
from sim.scenario import Scenario, Stage
from sim.servers.protocol import BrokerCluster

RATE_PER_S = 200.0
IN_PROCESS_RATE_PER_S = 25.0
WARM_UP_S = 3.0
MEASURED_S = 15.0
CONTROL_S = 4.0
CONTROL_RATE_PER_S = 50.0
STALL_S = 1.0
BODY_BYTES = 1024
CONNECTIONS = 6
IN_PROCESS_CONNECTIONS = 4
_STORED_DEADLINE_S = 10.0
_POLL_S = 0.1
_OPS = {MEASURED: PUBLISH, CONTROL: CONTROL_PUBLISH}


def rehearse(stage: Stage) -> None:
    broker = stage.servers.broker()
    queue = f"sim.throughput.{stage.rng.getrandbits(48):012x}"
    try:
        broker.declare_queue(queue, {**SELF_REMOVAL, "x-queue-type": "quorum"}, node=stage.rng.choice(broker.nodes))

        def began(segment: Segment) -> None:
            if segment.name == CONTROL:
                _stall(stage, broker, queue)

        engine, order = _engine(stage, broker, queue)
        reports = engine.drive(order, began)
        for report in reports:
            _record(stage, engine, order, report)
        _count_stored(stage, broker, queue, sum(_confirmed(report) for report in reports))
    finally:
        broker.delete_queue(queue)


def _engine(stage: Stage, broker: BrokerCluster, queue: str) -> tuple[LoadEngine, LoadOrder]:
    """Locust wherever another process can reach the cluster. The history says which it was."""
    addresses = broker.connections()
    rate_per_s, connections = (
        (RATE_PER_S, CONNECTIONS) if addresses else (IN_PROCESS_RATE_PER_S, IN_PROCESS_CONNECTIONS)
    )
    segments = (
        Segment(WARM_UP, rate_per_s, WARM_UP_S),
        Segment(MEASURED, rate_per_s, MEASURED_S),
        Segment(CONTROL, CONTROL_RATE_PER_S, CONTROL_S),
    )
    engine = LocustEngine(addresses, stage.clock) if addresses else InProcessEngine(broker, stage.clock)
    return engine, LoadOrder(queue, BODY_BYTES, connections, segments, stage.rng)


def _stall(stage: Stage, broker: BrokerCluster, queue: str) -> None:
    """The control: the queue's leader stands still for a while, in the middle of a segment of its own.

    A queue without a leader has confirmed nothing by now, which the measured segment shows; there is nothing to stall.
    """
    _pass_time(stage, STALL_S)
    leader = str((broker.queue(queue) or {}).get("leader", ""))
    if leader:
        with Pause(leader).inject(stage):
            _pass_time(stage, STALL_S)


def _pass_time(stage: Stage, seconds: float) -> None:
    """A stretch of the schedule, not a wait for something."""
    stage.clock.sleep_s(seconds)


def _record(stage: Stage, engine: LoadEngine, order: LoadOrder, report: SegmentReport) -> None:
    """The messages of every segment but the warm-up, and how the generator fared in each."""
    op = _OPS.get(report.name)
    for sent in sorted(report.sent, key=lambda s: s.done_s) if op else ():
        stage.record_at(
            sent.done_s,
            op or "",
            order.queue,
            sent.outcome,
            actor=engine.name,
            id=sent.id,
            intended_s=round(sent.due_s - stage.origin_s, 6),
            latency_s=round(sent.done_s - sent.sent_s, 6),
            **({"message": sent.message} if sent.message else {}),
        )
    stage.record_at(
        report.began_s + report.duration_s,
        SEGMENT,
        order.queue,
        Outcome.OK,
        actor=engine.name,
        name=report.name,
        engine=engine.name,
        connections=order.connections,
        body_bytes=order.body_bytes,
        rate_per_s=report.rate_per_s,
        duration_s=report.duration_s,
        due=report.due,
        unsent=report.unsent,
        cpu_share=round(report.cpu_share, 4),
        in_flight_max=report.in_flight_max,
        confirmed=_confirmed(report),
    )


def _confirmed(report: SegmentReport) -> int:
    return sum(sent.outcome is Outcome.OK for sent in report.sent)


def _count_stored(stage: Stage, broker: BrokerCluster, queue: str, confirmed: int) -> None:
    """Nobody consumes: whatever was confirmed lies in the queue, or a confirm was a lie."""
    ends_s = stage.clock.now_s() + _STORED_DEADLINE_S
    while True:
        try:
            stored = int((broker.queue(queue) or {}).get("messages", 0))
        except SimError as error:
            stage.record(STORED, queue, Outcome.UNSURE, message=str(error))
            return
        if stored >= confirmed or stage.clock.now_s() >= ends_s:
            stage.record(STORED, queue, Outcome.OK, messages=stored)
            return
        stage.clock.sleep_s(_POLL_S)


BROKER = Scenario(
    name="throughput/broker",
    claim="A quorum queue confirms a steady stream of messages, all of them, 99 % within a second of when due.",
    section="6",
    needs=("rabbitmq",),
    rehearse=rehearse,
    judge=judge_throughput,
    source="document, section 9 (alert above 1 s); wrk2 on coordinated omission; RabbitMQ, Quorum Queues",
    parameters={
        "rate_per_s": RATE_PER_S,
        "in_process_rate_per_s": IN_PROCESS_RATE_PER_S,
        "warm_up_s": WARM_UP_S,
        "measured_s": MEASURED_S,
        "control_s": CONTROL_S,
        "control_rate_per_s": CONTROL_RATE_PER_S,
        "stall_s": STALL_S,
        "body_bytes": float(BODY_BYTES),
        "connections": float(CONNECTIONS),
    },
)
