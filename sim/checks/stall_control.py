"""The control of a latency measurement: a server was stopped for a moment on purpose, and the latency must tell."""

from __future__ import annotations

from collections.abc import Sequence

from sim.checks.findings import Findings
from sim.history import Observation, Outcome, only

STALL_SHARE = 0.9
"""Of the stall that the slowest request around it must show."""
FAULT = "fault"


def weigh_stall(observations: Sequence[Observation], slowest_s: float, findings: Findings) -> None:
    """``slowest_s`` is the slowest answer of the segment in which the stall was."""
    phases = {str(o.detail.get("phase")): o for o in only(observations, FAULT) if o.detail.get("name") == "pause"}
    injected, healed = phases.get("inject"), phases.get("heal")
    if injected is None or healed is None:
        findings.open.append("the control was not carried through: nothing shows that the latency would tell a stall")
        return
    if Outcome.FAILED in {injected.outcome, healed.outcome}:
        findings.open.append(f"the control's stall was not seen to work: {injected.detail.get('evidence')}")
        return
    stall_s = healed.t_s - injected.t_s - float(injected.detail.get("effect_after_s", 0.0))
    findings.numbers["control_stall_ms"] = round(1000 * stall_s, 1)
    findings.numbers["control_max_ms"] = round(1000 * slowest_s, 1)
    seen = f"{injected.target} stood still for {stall_s * 1000:.0f} ms, the slowest took {slowest_s * 1000:.0f} ms"
    if stall_s <= 0 or slowest_s < STALL_SHARE * stall_s:
        findings.open.append(f"the latency is blind to stalls: {seen}")
    else:
        findings.told.append(f"control: {seen}")
