"""A ladder is climbed once a run: whoever needs the knee after ``throughput/knee`` takes its steps over."""

from __future__ import annotations

from dataclasses import replace

from sim.checks.knee import STEP, Climb, climb
from sim.checks.load_history import INTERVAL, SEGMENT, loads
from sim.checks.objectives import Promise
from sim.history import Observation
from sim.scenario import Stage

KNEE = "throughput/knee"


def take_over_steps(stage: Stage) -> tuple[Observation, ...]:
    """Everything ``throughput/knee`` saw in this run, its steps now in this scenario's history as well.

    Empty, and nothing written, when it was not played or did not come to a rate that broke: one's own ladder may.
    """
    seen = stage.history.of(KNEE)
    if _climb(stage, seen).broken is None:
        return ()
    for o in seen:
        step = o.detail.get("name") if o.op == SEGMENT else o.detail.get("segment") if o.op == INTERVAL else ""
        if str(step).startswith(STEP):
            stage.history.append(replace(o, scenario=stage.scenario))
    return seen


def knee_of(stage: Stage) -> float:
    """The highest rate that held, by the steps in this scenario's history; 0.0 when none did."""
    knee = _climb(stage, stage.history.of(stage.scenario)).knee
    return knee.rate_per_s if knee is not None else 0.0


def _climb(stage: Stage, seen: tuple[Observation, ...]) -> Climb:
    objectives = stage.topology.gateway.objectives
    return climb(loads(seen), Promise(objectives.p99_s, objectives.error_share))
