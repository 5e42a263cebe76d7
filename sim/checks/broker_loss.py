"""The verdict on a broker node's death under load: when service was as promised again, and what the outage cost.

A second is *good* when what was due in it came to no more errors than promised and 99 % of it within the promised time.
Service is back with the first of three good seconds in a row. The cost is a burn rate: how many times faster than
allowed the whole segment used up its error budget.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.checks.findings import Findings
from sim.checks.gateway_load import promised
from sim.checks.knee import climb
from sim.checks.load_history import Load, Second, loads
from sim.checks.objectives import Promise
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.statistics.error_budget import budget_spent, burn_rate
from sim.verdict import Verdict

LOADED = "loaded"
KNEE_SHARE = 0.7
RECOVERY_BOUND_S = 30.0
"""A bound on the drill, not the document's: it promises automatic election (section 6) and no time for it."""
_CALM_SECONDS = 3
_STEADY_SHARE = 0.8
"""Of the seconds before the fault, how many must be good for it to be what broke service."""


def judge_broker_loss(evidence: Evidence) -> Verdict:
    """FAIL when service is not back in time; UNKNOWN when nothing broke, was steady, or was measured."""
    findings = Findings()
    promise = promised(evidence)
    seen = loads(evidence.observations)
    knee = climb(seen, promise).knee
    load = seen.get(LOADED)
    if knee is not None:
        findings.numbers["knee_per_s"] = round(knee.rate_per_s, 1)
    if load is None or not load.answered:
        findings.open.append("nothing was driven under the fault" if knee else "nothing is carried as promised at all")
        return findings.verdict(_holds)
    if knee is None:
        findings.open.append("the knee is not on record: how much of it this load was cannot be told")
    findings.open += load.generator_trouble
    findings.spoiled = bool(load.generator_trouble)
    fault = _fault(evidence.observations, findings)
    if fault is not None:
        _weigh_recovery(load, promise, fault, findings)
    _weigh_cost(load, promise, findings)
    return findings.verdict(_holds)


def _fault(observations: tuple[Observation, ...], findings: Findings) -> Observation | None:
    phases = {str(o.detail.get("phase")): o for o in only(observations, "fault")}
    injected, healed = phases.get("inject"), phases.get("heal")
    if injected is None or injected.outcome is not Outcome.OK:
        evidence = injected.detail.get("evidence") if injected is not None else "none was injected"
        findings.open.append(f"the fault was not seen to work: {evidence}")
        return None
    if healed is None or healed.outcome is not Outcome.OK:
        findings.open.append(f"{injected.target} did not come back")
    findings.told.append(f"{injected.detail.get('name')} of {injected.target}: {injected.detail.get('evidence')}")
    return injected


def _weigh_recovery(load: Load, promise: Promise, fault: Observation, findings: Findings) -> None:
    began_s = load.ended_s - load.duration_s
    broke_s = fault.t_s - began_s
    before = [s for s in load.seconds if s.at_s + 1 <= broke_s]
    after = [s for s in load.seconds if s.at_s >= broke_s - 1]
    good_before = sum(_is_good(s, promise) for s in before)
    if not before or good_before < _STEADY_SHARE * len(before):
        findings.open.append(f"service was not steady before the fault: {good_before} of {len(before)} seconds good")
    bad = [s for s in after if not _is_good(s, promise)]
    findings.numbers["bad_seconds"] = float(len(bad))
    back_s = _back_s(after, promise)
    seen_s = (after[-1].at_s + 1 - broke_s) if after else 0.0
    if back_s is not None:
        findings.numbers["rto_s"] = round(max(0.0, back_s - broke_s), 1) if bad else 0.0
        findings.numbers["rto_resolution_s"] = 1.0  # whole seconds are judged
    if back_s is not None and back_s - broke_s <= RECOVERY_BOUND_S:
        return
    if back_s is None and seen_s < RECOVERY_BOUND_S - 1:
        findings.open.append(f"service was not back after {seen_s:.0f} s, and nobody looked longer")
    else:
        findings.wrong.append(f"service was not as promised again within {RECOVERY_BOUND_S:.0f} s of the death")


def _back_s(after: list[Second], promise: Promise) -> float | None:
    """The first of three good seconds in a row; None when there were none."""
    run = 0
    for second in after:
        run = run + 1 if _is_good(second, promise) else 0
        if run == _CALM_SECONDS:
            return second.at_s - _CALM_SECONDS + 1
    return None


def _is_good(second: Second, promise: Promise) -> bool:
    return (
        second.due > 0
        and second.errors <= promise.error_share * second.due
        and second.latencies.quantile_s(0.99) <= promise.p99_s
    )


def _weigh_cost(load: Load, promise: Promise, findings: Findings) -> None:
    count, errors = load.answered, load.error_count
    burn = burn_rate(errors, count, 1.0 - promise.error_share)
    findings.numbers["load_per_s"] = round(load.rate_per_s, 1)
    findings.numbers["errors"] = float(errors)
    findings.numbers["burn_rate"] = round(burn, 2)
    findings.numbers["month_budget_percent"] = round(100 * budget_spent(burn, load.duration_s), 4)
    findings.numbers["p99_ms"] = round(1000 * load.latencies.quantile_s(0.99), 1)
    said = ", ".join(f"{reason} ({n})" for reason, n in sorted(load.errors.items(), key=lambda e: -e[1])[:3])
    if errors:
        findings.told.append(f"errors: {said}")
    if load.abandoned:
        findings.told.append(f"{load.abandoned} requests were not sent: their shoppers had been turned away")


def _holds(numbers: Mapping[str, float]) -> str:
    return (
        f"at {numbers['load_per_s']:g} requests a second a broker node's death cost {numbers['errors']:.0f} errors "
        f"(burn rate {numbers['burn_rate']:.1f}); service was as promised again after {numbers['rto_s']:.1f} s"
    )
