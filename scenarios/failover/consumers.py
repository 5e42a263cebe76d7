"""A consumer dies with messages in hand, and messages that lead nowhere: what the client's side of the bargain is."""

from __future__ import annotations

from scenarios.failover.broker_drills import ASYNC, HASTY, MIXED, Drill, broker_drill
from sim.checks.broker_drill import Promise
from sim.scenario import Scenario

_DEATHS = 3
_BETWEEN_S = 1.0


def consumers_die(drill: Drill) -> None:
    """Each with what it has in hand, again and again; the control's consumer dies as they do."""
    for _ in range(_DEATHS):
        drill.reading.kill()
        if drill.hasty is not None:
            drill.hasty.kill()
        drill.let_pass(_BETWEEN_S)


SCENARIOS: tuple[Scenario, ...] = (
    broker_drill(
        "consumer-dies",
        "What a dying consumer had in hand is delivered again, marked as such, so that its effect can be had once.",
        consumers_die,
        Promise(faults=_DEATHS, flagged=True, control=HASTY),
        consumers=ASYNC,
        source="RabbitMQ documentation, Consumer Acknowledgements, Automatic Requeueing; Jepsen total-queue",
        parameters={"deaths": float(_DEATHS)},
    ),
    broker_drill(
        "consumer-dies-mixed",
        "What dying consumers of both kinds had in hand is delivered again, and nothing acknowledged is lost.",
        consumers_die,
        Promise(faults=_DEATHS, flagged=True),
        consumers=MIXED,
        source="RabbitMQ documentation, Consumer Acknowledgements; rabbitmq/jepsen, mixed clients",
        parameters={"deaths": float(_DEATHS)},
    ),
)
