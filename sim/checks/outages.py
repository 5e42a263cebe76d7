"""The faults of a drill as they were: which, on whom, when, and whether each was seen to work and to end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim.checks.findings import Findings
from sim.history import Observation, Outcome, only

FAULT = "fault"
INJECT, HEAL = "inject", "heal"


@dataclass(frozen=True, slots=True)
class Outage:
    """One fault on one target. ``effect_s`` is when it was seen in force; ``to_s`` when healing began."""

    name: str
    target: str
    from_s: float
    effect_s: float
    to_s: float


def outages(
    seen: Sequence[Observation], findings: Findings, *, wanted: int = 1, may_miss: bool = False
) -> tuple[Outage, ...]:
    """Those in force, by their start. Fewer than ``wanted``, or one without healing, is told as open.

    So is one without effect, unless others of many ``may_miss`` theirs: then it is only told.
    """
    found: list[Outage] = []
    faults = only(seen, FAULT)
    injected = [o for o in faults if o.detail.get("phase") == INJECT]
    healed = [o for o in faults if o.detail.get("phase") == HEAL]
    if not injected and wanted:
        findings.open.append("no fault was injected")
    for o in injected:
        name, evidence = str(o.detail.get("name", "fault")), o.detail.get("evidence", "")
        heal = next(
            (h for h in healed if h.target == o.target and h.detail.get("name") == name and h.t_s >= o.t_s), None
        )
        if o.outcome is not Outcome.OK:
            missed = f"the fault was not seen to work on {o.target}: {evidence}"
            (findings.told if may_miss else findings.open).append(missed)
            if heal is not None:
                healed.remove(heal)
            continue
        findings.told.append(f"{name} of {o.target} at {o.t_s:.2f} s: {evidence}")
        if heal is None:
            findings.open.append(f"nothing tells of {name} of {o.target} being healed")
        else:
            healed.remove(heal)
            if heal.outcome is not Outcome.OK:
                findings.open.append(f"{o.target} did not come back: {heal.detail.get('evidence', '')}")
        effect_s = o.t_s + float(o.detail.get("effect_after_s", 0.0))
        found.append(Outage(name, o.target, o.t_s, effect_s, math.inf if heal is None else heal.t_s))
    if found and len(found) < wanted:
        findings.open.append(f"only {len(found)} of {wanted} faults were in force")
    return tuple(sorted(found, key=lambda outage: outage.from_s))
