"""The verdict on a load that was raised step by step: where the promise breaks, and what keeps it from holding longer.

Steps are segments named ``step-…``. One *held* when its errors and its 99th percentile kept what users are promised and
the rate was carried; the knee is the highest rate that held with none below it that did not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.checks.findings import Findings
from sim.checks.gateway_load import promised
from sim.checks.load_history import Load, loads
from sim.checks.objectives import Promise
from sim.checks.saturation import CORES, DEPTH, HANDLING, HOST, Cause, as_scraped, causes, slow_by_itself
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

STEP = "step-"
CARRIED_SHARE = 0.9
"""Of what was due, what must have been well answered within the step's own length."""
FEWEST = 30
"""Requests in a step that say anything."""


@dataclass(frozen=True, slots=True)
class Climb:
    """``knee`` is the last step that held, ``broken`` the first that did not; either may be missing."""

    steps: tuple[Load, ...]
    knee: Load | None
    broken: Load | None


def climb(seen: Mapping[str, Load], promise: Promise) -> Climb:
    """Steps by rate; those whose generator could not keep up end it."""
    steps = tuple(sorted((s for n, s in seen.items() if n.startswith(STEP)), key=lambda s: s.rate_per_s))
    knee: Load | None = None
    for step in steps:
        if step.generator_trouble and held(step, promise) is None:
            return Climb(steps, knee, None)
        if not held(step, promise):
            return Climb(steps, knee, step)
        knee = step
    return Climb(steps, knee, None)


def held(step: Load, promise: Promise) -> bool | None:
    """Whether one step kept the promise, by what was seen of it; None when the generator leaves that open."""
    if step.generator_trouble:
        return None
    due, errors = step.due_at_gateway, step.error_count
    return (
        not step.cut_short
        and due >= FEWEST
        and errors <= promise.error_share * due
        and step.latencies.quantile_s(0.99) <= promise.p99_s
        and step.good_per_s * step.duration_s >= CARRIED_SHARE * due
    )


def judge_knee(evidence: Evidence) -> Verdict:
    """FAIL when the promise breaks at the lowest rate; UNKNOWN without steps, or without a cause for the knee."""
    findings = Findings()
    promise = promised(evidence)
    seen = loads(evidence.observations)
    found = climb(seen, promise)
    _tell(found, findings)
    if not found.steps:
        findings.open.append("no step was driven")
    elif found.knee is None and found.broken is not None:
        findings.wrong.append(f"{_how_it_broke(found.broken, promise)} at the lowest rate already")
    elif found.broken is None:
        troubled = next((s for s in found.steps if s.generator_trouble), None)
        if troubled is not None:
            findings.open.append(f"at {troubled.rate_per_s:g}/s: {troubled.generator_trouble[0]}")
            findings.spoiled = True
        else:
            findings.open.append(f"no knee up to {found.steps[-1].rate_per_s:g} requests a second")
    for step in (found.knee, found.broken):
        if step is not None and step.generator_trouble:
            findings.open.append(step.generator_trouble[0])
    _weigh_causes(evidence.observations, found, findings)
    return findings.verdict(_holds)


def _tell(found: Climb, findings: Findings) -> None:
    for step in found.steps:
        findings.told.append(
            f"{step.rate_per_s:.0f}/s offered: {step.good_per_s:.1f}/s well answered, p99 "
            f"{1000 * step.latencies.quantile_s(0.99):.0f} ms, {step.error_count} errors"
        )
    if found.knee is not None:
        findings.numbers["knee_per_s"] = round(found.knee.rate_per_s, 1)
        findings.numbers["knee_p99_ms"] = round(1000 * found.knee.latencies.quantile_s(0.99), 1)
        findings.numbers["knee_achieved_per_s"] = round(found.knee.good_per_s, 2)
        findings.numbers["generator_cpu_percent"] = round(100 * max(s.cpu_share for s in found.steps), 1)
    if found.broken is not None:
        findings.numbers["broken_per_s"] = round(found.broken.rate_per_s, 1)


def _how_it_broke(step: Load, promise: Promise) -> str:
    p99_s = step.latencies.quantile_s(0.99)
    if p99_s > promise.p99_s:
        return f"the 99th percentile was {1000 * p99_s:.0f} ms at {step.rate_per_s:g} requests a second"
    if step.error_count:
        reason, _ = max(step.errors.items(), key=lambda entry: entry[1])
        return f"{step.error_count} of {step.answered} came to nothing at {step.rate_per_s:g} a second ({reason})"
    return f"{step.good_per_s:.1f} of {step.rate_per_s:g} a second were well answered"


def _weigh_causes(observations: Sequence[Observation], found: Climb, findings: Findings) -> None:
    measured = {str(o.detail.get("step")) for o in only(observations, CORES) if o.outcome is Outcome.OK}
    first = next((s for s in found.steps if s.name in measured), None)
    slow = list(slow_by_itself(observations, first.name, first.duration_s)) if first is not None else []
    broken = found.broken
    named = list(causes(observations, broken.name)) if broken is not None else []
    findings.told += [f"cause: {cause.said}" for cause in (*slow, *named)]
    findings.numbers["causes"] = float(len(slow) + len(named))
    scraped = as_scraped(observations)
    if scraped:
        findings.told.append(scraped)
    if slow or named:
        findings.told.insert(0, "named first: " + _names((*slow, *named)))
    if broken is None:
        return
    looked = {o.op for o in observations if o.detail.get("step") == broken.name}
    missing = [op for op in (CORES, HANDLING, DEPTH, HOST) if op not in looked]
    if broken.name not in measured:
        findings.open.append("nothing was measured of the components: what broke first cannot be told")
    elif missing:
        findings.open.append(f"{', '.join(missing)} not looked at in the step that broke: a nearer cause may be unseen")
    elif not (slow or named):
        findings.open.append("the promise broke, but no component shows as saturated: the cause cannot be told")


def _names(named: Sequence[Cause]) -> str:
    return ", ".join(dict.fromkeys(f"{cause.component} ({cause.sign})" for cause in named))


def _holds(numbers: Mapping[str, float]) -> str:
    return (
        f"the promise holds up to {numbers['knee_per_s']:g} requests a second (p99 {numbers['knee_p99_ms']:.0f} ms) "
        f"and breaks at {numbers['broken_per_s']:g}"
    )
