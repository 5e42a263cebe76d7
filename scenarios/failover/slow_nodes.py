"""Nodes that are neither dead nor cut off: frozen, slow to hear, hard of hearing, short of CPU or disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scenarios.failover.broker_drills import ASYNC, MIXED, Drill, broker_drill
from scenarios.failover.partitions import cut
from sim.checks.broker_drill import Promise
from sim.checks.split import also, elections_bounded, led_by_majority
from sim.faults.cpu_squeeze import CpuSqueeze
from sim.faults.disk_full import DiskFull
from sim.faults.fault import Fault
from sim.faults.latency import Latency
from sim.faults.loss import Loss
from sim.faults.pause import Pause
from sim.scenario import Scenario

_QUORUM = "RabbitMQ documentation, Quorum Queues"
SLOW_S = 8.0
SHORT_PAUSE_S = 2.0
DELAY_S, JITTER_S = 0.2, 0.05
LOSS_PERCENT = 5.0
_MOST_ELECTIONS = 2


def _frozen_leader(drill: Drill) -> None:
    """Frozen until confirms come again, which takes another leader, and then thawed: its lead is over."""
    victim = drill.leader
    frozen_s = drill.stage.clock.now_s()
    with Pause(victim).inject(drill.stage) as frozen:
        if frozen:
            drill.recover(frozen_s)
    drill.recover(drill.stage.clock.now_s(), at_least_s=0.0)


def _with(fault: Callable[[Drill], Fault], for_s: float = SLOW_S) -> Callable[[Drill], None]:
    return lambda drill: cut(drill, fault(drill), for_s)


FROZEN = broker_drill(
    "broker-paused-leader",
    "When the leader freezes another takes over; thawed, the old one steps down and nothing acknowledged is lost.",
    _frozen_leader,
    Promise(),
    consumers=MIXED,
    source=_QUORUM,
)
DELAY = broker_drill(
    "broker-delay",
    "When everything between the nodes takes 200 ms longer each way, nothing is lost and the lead stays put.",
    _with(lambda drill: Latency(drill.broker.nodes, DELAY_S, JITTER_S, drill.broker.nodes)),
    Promise(),
    consumers=MIXED,
    source=_QUORUM,
    parameters={"delay_s": DELAY_S, "jitter_s": JITTER_S, "slow_s": SLOW_S},
)
LOSS = broker_drill(
    "broker-packet-loss",
    "When one packet in twenty between the nodes vanishes, nothing is lost and the lead stays put.",
    _with(lambda drill: Loss(drill.broker.nodes, LOSS_PERCENT, drill.broker.nodes)),
    Promise(),
    consumers=MIXED,
    source=_QUORUM,
    parameters={"percent": LOSS_PERCENT, "slow_s": SLOW_S},
)

SCENARIOS: tuple[Scenario, ...] = (
    broker_drill(
        "broker-paused-leader-short",
        "When the leader freezes for two seconds, nothing acknowledged is lost.",
        _with(lambda drill: Pause(drill.leader), SHORT_PAUSE_S),
        Promise(),
        consumers=ASYNC,
        source=_QUORUM,
        parameters={"pause_s": SHORT_PAUSE_S},
    ),
    replace(FROZEN, judge=also(FROZEN.judge, led_by_majority)),
    replace(DELAY, judge=also(DELAY.judge, elections_bounded(_MOST_ELECTIONS))),
    replace(LOSS, judge=also(LOSS.judge, elections_bounded(_MOST_ELECTIONS))),
    broker_drill(
        "broker-cpu-squeeze",
        "When the leader is left a twentieth of a core, nothing acknowledged is lost and service comes back.",
        _with(lambda drill: CpuSqueeze(drill.leader, 0.05)),
        Promise(),
        consumers=ASYNC,
        source=_QUORUM,
        parameters={"cores": 0.05, "slow_s": SLOW_S},
    ),
    broker_drill(
        "broker-disk-full",
        "When a node's disk is full publishers are held back, nothing acknowledged is lost, and they go on afterwards.",
        _with(lambda drill: DiskFull(drill.leader), 4.0),
        Promise(),
        consumers=ASYNC,
        source="RabbitMQ documentation, Free Disk Space Alarms",
    ),
)
