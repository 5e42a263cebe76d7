"""The verdict on shoppers at the gateway at a fixed rate: whether what users are promised is kept."""

from __future__ import annotations

from collections.abc import Mapping

from sim.checks.findings import Findings
from sim.checks.load_history import CONTROL, MEASURED, WARM_UP, loads
from sim.checks.objectives import Promise, weigh_load
from sim.checks.stall_control import weigh_stall
from sim.scenario import Evidence
from sim.verdict import Verdict


def promised(evidence: Evidence) -> Promise:
    """What the topology says of the gateway."""
    objectives = evidence.topology.gateway.objectives
    return Promise(objectives.p99_s, objectives.error_share)


def judge_gateway(evidence: Evidence) -> Verdict:
    """FAIL when a promise is surely broken, UNKNOWN when generator, samples or control cannot tell."""
    findings = Findings()
    seen = loads(evidence.observations)
    if WARM_UP not in seen:
        findings.open.append("no warm-up is on record: the start may be in the measured part")
    measured = seen.get(MEASURED)
    if measured is None or not measured.answered:
        findings.open.insert(0, "nothing was measured")
    else:
        weigh_load(measured, promised(evidence), findings)
    control = seen.get(CONTROL)
    slowest_s = control.latencies.max_s if control is not None else 0.0
    weigh_stall(evidence.observations, slowest_s, findings)
    return findings.verdict(_holds)


def _holds(numbers: Mapping[str, float]) -> str:
    return (
        f"{numbers['achieved_per_s']:.1f} of {numbers['offered_per_s']:.1f} requests a second well answered, "
        f"{numbers['errors']:.0f} errors; 99 % within {numbers['p99_ms']:.0f} ms of when they were due"
    )
