"""Whether the platform carries what its parts' measured costs say: the model's knee beside the one that was found.

Operations: those of ``sim.capacity.measured``; ``limits`` one a deployment, ``{"deployment", "pods", "threads",
"limit_cores"}``; ``clock`` once, how long short sleeps took, ``{"asked_s", "took_s"}``; and ``step``, one a rate tried,
``{"rate_per_s", "due", "answered", "errors", "unsent", "p99_s", "late_p99_s", "cpu_share"}`` and in CPU seconds
``{"containers_cpu_s", "generator_cpu_s", "machine_cpu_s"}`` of its ``"duration_s"``. The knee is the highest rate at
which 99 % of answers come within the objective; between the last rate that was carried and the first that was not, it
is taken to be their geometric middle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sim.capacity.as_run import MACHINE, model_of
from sim.capacity.calibration import Calibration
from sim.capacity.measured import TooLittleError
from sim.capacity.network import Network
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.topology.model import Objectives
from sim.verdict import Verdict, failed, passed, unknown

STEP = "step"
CLOCK = "clock"
TOLERANCE = 0.25
CPU_SHARE = 0.8
LATE_BOUND_S = 0.1
FOREIGN_SHARE = 0.6
"""Of the machine's cores, had by others than platform and generator when it broke: above it it was not our machine."""
COARSE = 2.0
"""So many times longer than asked for: a clock whose short sleeps last that long cannot time short answers."""
_ACHIEVED_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Knee:
    """``carried_per_s`` is the highest rate that was, ``broken_per_s`` the lowest that was not."""

    carried_per_s: float
    broken_per_s: float

    @property
    def rate_per_s(self) -> float:
        return math.sqrt(self.carried_per_s * self.broken_per_s)


@dataclass(slots=True)
class _Findings:
    open: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)


def holds(step: Mapping[str, Any], p99_bound_s: float, error_share: float) -> bool:
    """Whether a rate was carried: answers in time, good, and as many as were due."""
    due = max(1, int(step["due"]))
    in_time = int(step["answered"]) > 0 and float(step["p99_s"]) <= p99_bound_s
    return in_time and int(step["errors"]) <= error_share * due and int(step["answered"]) >= _ACHIEVED_SHARE * due


def knee_of(steps: Sequence[Mapping[str, Any]], p99_bound_s: float, error_share: float) -> Knee | None:
    """None while no rate was carried, or none broken. A rate carried above one that was not was luck."""
    broken = [float(s["rate_per_s"]) for s in steps if not holds(s, p99_bound_s, error_share)]
    if not broken:
        return None
    first = min(broken)
    carried = [float(s["rate_per_s"]) for s in steps if float(s["rate_per_s"]) < first]
    return Knee(max(carried), first) if carried else None


def judge_capacity_model(evidence: Evidence) -> Verdict:
    """PASS within a quarter; FAIL when the platform breaks far below what its costs say, UNKNOWN when far above."""
    objectives = evidence.topology.gateway.objectives
    findings = _Findings()
    coarse = _coarse_clock(only(evidence.observations, CLOCK))
    if coarse:
        return unknown(coarse)
    steps = [o.detail for o in only(evidence.observations, STEP) if o.outcome is Outcome.OK]
    try:
        calibration, alone = model_of(evidence.observations)
        _tell_costs(calibration, alone, findings)
        network = _beside_others(steps, calibration, alone, objectives, findings)
    except TooLittleError as error:
        return unknown(f"the costs were not measured: {error}")
    except (KeyError, ValueError, TypeError) as error:
        return unknown(f"the costs cannot be read: {type(error).__name__}: {error}")
    predicted_per_s = network.knee_per_s(objectives.p99_s)
    if not 0 < predicted_per_s < math.inf:
        return unknown("the costs measured give no knee", *findings.told, numbers=findings.numbers)
    findings.numbers["predicted_knee_per_s"] = round(predicted_per_s, 2)
    knee = knee_of(steps, objectives.p99_s, objectives.error_share)
    for step in sorted(steps, key=lambda s: float(s["rate_per_s"])):
        word = "carried" if holds(step, objectives.p99_s, objectives.error_share) else "not carried"
        seen = f"p99 {1000 * step['p99_s']:.0f} ms, {step['errors']} errors"
        findings.told.append(f"{step['rate_per_s']:.1f}/s {word}: {seen}")
    if knee is None:
        carried = any(holds(step, objectives.p99_s, objectives.error_share) for step in steps)
        return _without_a_knee(predicted_per_s, steps, findings, carried=carried)
    findings.numbers |= {
        "knee_per_s": round(knee.rate_per_s, 2),
        "carried_per_s": round(knee.carried_per_s, 2),
        "broken_per_s": round(knee.broken_per_s, 2),
        "model_error_percent": round(100 * (predicted_per_s / knee.rate_per_s - 1), 1),
    }
    _doubt(steps, knee, findings)
    return _verdict(predicted_per_s, knee, findings)


def _beside_others(
    steps: Sequence[Mapping[str, Any]],
    calibration: Calibration,
    network: Network,
    objectives: Objectives,
    findings: _Findings,
) -> Network:
    """The model with what others had of the machine at the lowest rate that broke: the kernel, the engine, neighbours.

    Neither platform nor generator spent it, so the platform did not have it. Unseen, it counts as nothing.
    """
    broken = [s for s in steps if not holds(s, objectives.p99_s, objectives.error_share)]
    step = min(broken, key=lambda s: float(s["rate_per_s"]), default=None)
    if step is None or MACHINE not in network.loads or step["machine_cpu_s"] is None:
        return network
    ours_s = float(step["containers_cpu_s"]) + float(step["generator_cpu_s"])
    foreign = max(0.0, (float(step["machine_cpu_s"]) - ours_s) / float(step["duration_s"]))
    findings.numbers["foreign_cores"] = round(foreign, 3)
    findings.told.append(f"others had {foreign:.2f} of the machine's {calibration.cores} cores when it broke")
    if foreign > FOREIGN_SHARE * calibration.cores:
        findings.open.append(f"the machine was busy with other work: {foreign:.2f} of {calibration.cores} cores")
    machine = network.loads[MACHINE]
    left = replace(machine, idle_cores=min(machine.idle_cores + foreign, 0.99 * machine.station.cores))
    return replace(network, loads={**network.loads, MACHINE: left})


def _coarse_clock(clocks: Sequence[Observation]) -> str:
    """Why nothing that was timed can be believed; empty when it can."""
    for o in clocks:
        asked_s, took_s = float(o.detail["asked_s"]), float(o.detail["took_s"])
        if took_s <= COARSE * asked_s:
            return ""
        said = f"sleeps of {1000 * asked_s:g} ms took {1000 * took_s:.1f} ms"
        return f"the clock is too coarse to find a knee by: {said}, on a machine too busy or a clock sped up"
    return "nothing is on record of the clock"


def _without_a_knee(
    predicted_per_s: float, steps: Sequence[Mapping[str, Any]], findings: _Findings, *, carried: bool
) -> Verdict:
    """Nothing carried far below what was foretold is clear enough."""
    lowest_per_s = min((float(s["rate_per_s"]) for s in steps), default=math.inf)
    if steps and not carried and lowest_per_s * (1 + TOLERANCE) < predicted_per_s:
        said = f"not even {lowest_per_s:.1f} requests/s were carried, the costs say {predicted_per_s:.1f}"
        why = f"{said}: something other than processors holds the platform back"
        return failed(why, *findings.told, numbers=findings.numbers)
    what = "no rate was tried" if not steps else "every rate tried was carried" if carried else "no rate was carried"
    return unknown(f"the knee was not found: {what}", *findings.told, numbers=findings.numbers)


def _verdict(predicted_per_s: float, knee: Knee, findings: _Findings) -> Verdict:
    error = predicted_per_s / knee.rate_per_s - 1
    said = (
        f"the knee is at {knee.rate_per_s:.1f} requests/s, the costs say {predicted_per_s:.1f} ({100 * error:+.0f} %)"
    )
    lines = (*findings.open, *findings.told)
    if findings.open:
        return unknown(findings.open[0], said, *lines[1:], numbers=findings.numbers)
    if abs(error) <= TOLERANCE:
        return passed(said, *lines, numbers=findings.numbers)
    if error > 0:
        why = f"{said}: something other than processors holds the platform back"
        return failed(why, *lines, numbers=findings.numbers)
    return unknown(f"{said}: the model is too dark, do not rely on it", *lines, numbers=findings.numbers)


def _tell_costs(calibration: Calibration, network: Network, findings: _Findings) -> None:
    costs = sorted(calibration.cpu_s().items(), key=lambda item: -item[1])
    first, ceiling_per_s = network.first_to_saturate()
    findings.told.append(
        f"a request costs the machine {1000 * calibration.machine_cpu_s():.1f} ms; of it "
        + ", ".join(f"{name} {1000 * cost:.1f} ms" for name, cost in costs[:5])
    )
    if math.isfinite(ceiling_per_s):
        findings.told.append(f"first to saturate: {first}, at {ceiling_per_s:.1f} requests/s")
        findings.numbers["predicted_ceiling_per_s"] = round(ceiling_per_s, 2)
    findings.numbers["request_machine_cpu_ms"] = round(1000 * calibration.machine_cpu_s(), 3)
    findings.numbers["request_containers_cpu_ms"] = round(1000 * sum(cost for _, cost in costs), 3)


def _doubt(steps: Sequence[Mapping[str, Any]], knee: Knee, findings: _Findings) -> None:
    """What makes the knee found the generator's own. Beyond the knee it is the platform that leaves requests unsent."""
    for step in steps:
        rate_per_s = float(step["rate_per_s"])
        percent = 100 * float(step["cpu_share"])
        if rate_per_s <= knee.broken_per_s and percent > 100 * CPU_SHARE:
            findings.open.append(f"generator saturated at {rate_per_s:.1f}/s: it used {percent:.0f} % of a core")
        late = int(step["unsent"]) > 0.001 * int(step["due"]) and float(step["late_p99_s"]) > LATE_BOUND_S
        if rate_per_s <= knee.carried_per_s and late:
            findings.open.append(
                f"generator saturated at {rate_per_s:.1f}/s: {step['unsent']} of {step['due']} were never sent"
            )
