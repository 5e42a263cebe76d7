"""The leader of a queue dies by ``kill -9`` under load: what was acknowledged is kept, and another node takes over."""

from __future__ import annotations

from scenarios.failover.broker_drills import ASYNC, CONTROL_MESSAGES, MIXED, POLLING, UNREPLICATED, Drill, broker_drill
from sim.checks.broker_drill import RECOVERY_DEADLINE_S, Promise
from sim.faults.kill import Kill
from sim.scenario import Scenario

_SOURCE = "Jepsen total-queue (jepsen.checker); RabbitMQ documentation, Quorum Queues"
_PARAMETERS = {"control_messages": float(CONTROL_MESSAGES), "recovery_deadline_s": RECOVERY_DEADLINE_S}


def kill_leader(drill: Drill) -> None:
    victim = drill.leader
    killed_s = drill.stage.clock.now_s()
    with Kill(victim, ready=drill.serves(victim)).inject(drill.stage) as killed:
        if killed:
            drill.recover(killed_s, not_led_by=victim)


BROKER_LEADER = broker_drill(
    "broker-leader",
    "When the node that leads a queue dies, no acknowledged message is lost and another node is elected.",
    kill_leader,
    Promise(elects=True, control=UNREPLICATED),
    consumers=ASYNC,
    source=_SOURCE,
    essential=True,
    parameters=_PARAMETERS,
)

SCENARIOS: tuple[Scenario, ...] = (
    BROKER_LEADER,
    broker_drill(
        "broker-leader-polling",
        "When the leading node dies under clients that poll, no acknowledged message is lost and another is elected.",
        kill_leader,
        Promise(elects=True),
        consumers=POLLING,
        source=f"{_SOURCE}; rabbitmq/jepsen, polling clients",
    ),
    broker_drill(
        "broker-leader-mixed",
        "When the leading node dies under mixed clients, no acknowledged message is lost and another is elected.",
        kill_leader,
        Promise(elects=True),
        consumers=MIXED,
        source=f"{_SOURCE}; rabbitmq/jepsen, mixed clients",
    ),
)
