"""A broker node dies under 70 % of the most that is carried: what it costs, and how soon service is as promised."""

from __future__ import annotations

from contextlib import ExitStack

from scenarios.throughput.climbed import knee_of, take_over_steps
from scenarios.throughput.crowd import put_in_force, shoppers
from scenarios.throughput.knee import Ladder
from scenarios.throughput.recording import record
from sim.checks.broker_loss import KNEE_SHARE, LOADED, RECOVERY_BOUND_S, judge_broker_loss
from sim.errors import SimError, Unreachable
from sim.faults.kill import Kill
from sim.load.cues import Cue
from sim.load.open_loop import Segment
from sim.scenario import Scenario, Stage
from sim.servers.protocol import BrokerCluster
from sim.services.contract.queues import requests_queue

LADDER = Ladder((20.0, 40.0, 70.0, 110.0, 160.0, 220.0, 300.0), step_s=5.0, refinements=0)
STEADY_S = 8.0
OUTAGE_S = 15.0
AFTER_S = 15.0
_CALM_S = 5.0


def broker_loss(ladder: Ladder = LADDER) -> Scenario:
    def rehearse(stage: Stage) -> None:
        taken_over = bool(take_over_steps(stage))
        knee_per_s = knee_of(stage)
        with shoppers(stage, KNEE_SHARE * knee_per_s if taken_over else ladder.rates_per_s[-1]) as engine:
            if not taken_over:
                knee_per_s = ladder.climb(stage, engine)
                stage.clock.sleep_s(_CALM_S)
            if not knee_per_s:
                return  # the steps tell why: nothing is carried as promised even while nothing breaks
            rate_per_s = round(KNEE_SHARE * knee_per_s, 1)
            segment = Segment(LOADED, rate_per_s, STEADY_S + OUTAGE_S + AFTER_S)
            victim = _busiest(stage)
            broker = stage.servers.broker()
            death = Kill(victim, ready=lambda: _serves(broker, victim))
            with ExitStack() as fault:
                cues = (
                    Cue(STEADY_S, lambda: put_in_force(fault, death, stage)),
                    Cue(STEADY_S + OUTAGE_S, fault.close),
                )
                record(stage, engine.name, stage.servers.gateway().name, engine.play(segment, cues))

    return Scenario(
        name="throughput/broker-loss",
        claim="At 70 % of the knee, service is as promised again half a minute after a broker node has died.",
        section="6",
        needs=("gateway", "service", "rabbitmq"),
        leaves_a_mark=True,
        rehearse=rehearse,
        judge=judge_broker_loss,
        essential=False,
        source="document, sections 6 (automatic election) and 9; SRE workbook on burn rates",
        parameters={
            "knee_share": KNEE_SHARE,
            "steady_s": STEADY_S,
            "outage_s": OUTAGE_S,
            "after_s": AFTER_S,
            "recovery_bound_s": RECOVERY_BOUND_S,
        },
    )


def _busiest(stage: Stage) -> str:
    """The node that leads the busiest service's queue. Raises Unreachable when that has no leader."""
    queue = requests_queue(stage.topology.services["products"].name)
    leader = str((stage.servers.broker().queue(queue) or {}).get("leader", ""))
    if not leader:
        raise Unreachable(f"The queue {queue} has no leader.")
    return leader


def _serves(broker: BrokerCluster, node: str) -> bool:
    try:
        return node in broker.running_nodes(node)
    except SimError:
        return False
