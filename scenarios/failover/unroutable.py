"""Two pipelined publishers side by side: one to a queue, one to nowhere."""

from __future__ import annotations

from contextlib import ExitStack

from scenarios.drill_queues import SELF_REMOVAL
from scenarios.failover.broker_drills import drain
from sim.checks.unroutable import CONSUME, DRAIN, ROUTABLE, UNROUTABLE, judge_unroutable
from sim.load.publishing import Letters, pipelining
from sim.scenario import Scenario, Stage

_RATE_PER_S = 100.0
_SPAN_S = 2.0


def _rehearse(stage: Stage) -> None:
    broker = stage.servers.broker()
    queue = f"sim.failover.{stage.rng.getrandbits(48):012x}.main"
    with ExitStack() as cleanup:
        cleanup.callback(broker.delete_queue, queue)
        broker.declare_queue(queue, SELF_REMOVAL)
        with ExitStack() as loads:
            for op, target, prefix in ((ROUTABLE, queue, "m"), (UNROUTABLE, f"{queue}.nowhere", "n")):
                pipeline = broker.pipeline(stage.rng.getrandbits(32))
                loads.enter_context(pipelining(stage, pipeline, Letters(op, target, prefix, _RATE_PER_S)))
            stage.clock.sleep_s(_SPAN_S)
        drain(stage, broker, queue, DRAIN, CONSUME)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover/broker-unroutable",
        claim="A message that leads nowhere comes back to who sent it, and is never counted as delivered.",
        section="6",
        needs=("rabbitmq",),
        rehearse=_rehearse,
        judge=judge_unroutable,
        essential=False,
        source="RabbitMQ documentation, Publishers, mandatory; Reliability Guide",
        parameters={"rate_per_s": _RATE_PER_S},
    ),
)
