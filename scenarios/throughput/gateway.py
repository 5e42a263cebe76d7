"""Shoppers at the gateway at a fixed rate: whether what users are promised is kept, from when each request was due."""

from __future__ import annotations

from contextlib import ExitStack

from scenarios.throughput.crowd import put_in_force, shoppers
from scenarios.throughput.recording import record
from sim.checks.gateway_load import judge_gateway
from sim.checks.load_history import CONTROL, MEASURED, WARM_UP
from sim.faults.pause import Pause
from sim.load.cues import Cue
from sim.load.open_loop import Segment
from sim.scenario import Scenario, Stage

RATE_PER_S = 20.0
WARM_UP_S = 4.0
MEASURED_S = 30.0
CONTROL_S = 4.0
STALL_S = 1.0


def rehearse(stage: Stage) -> None:
    gateway = stage.servers.gateway().name

    # The control: the gateway stands still for a while, in the middle of a segment of its own.
    with shoppers(stage, RATE_PER_S) as engine, ExitStack() as fault:
        record(stage, engine.name, gateway, engine.play(Segment(WARM_UP, RATE_PER_S, WARM_UP_S)))
        record(stage, engine.name, gateway, engine.play(Segment(MEASURED, RATE_PER_S, MEASURED_S)))
        cues = (
            Cue(STALL_S, lambda: put_in_force(fault, Pause(gateway), stage)),
            Cue(2 * STALL_S, fault.close),
        )
        record(
            stage, engine.name, stage.servers.gateway().name, engine.play(Segment(CONTROL, RATE_PER_S, CONTROL_S), cues)
        )


GATEWAY = Scenario(
    name="throughput/gateway",
    claim="At a steady rate of shoppers, 99 % of answers come within a second of when they were due, 99 % are good.",
    section="9",
    needs=("gateway", "service"),
    all_services=True,
    leaves_a_mark=True,
    rehearse=rehearse,
    judge=judge_gateway,
    essential=False,
    source="document, section 9 (alert above 1 s); wrk2 on coordinated omission; SRE workbook on error budgets",
    parameters={
        "rate_per_s": RATE_PER_S,
        "warm_up_s": WARM_UP_S,
        "measured_s": MEASURED_S,
        "control_s": CONTROL_S,
        "stall_s": STALL_S,
    },
)
