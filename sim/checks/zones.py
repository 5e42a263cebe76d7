"""What a lost zone or a drained node leaves standing, and whether a disruption budget was kept.

Operations: ``standing`` (a server outside the lost zone, asked while it was lost), ``returned`` (one of it, asked
afterwards), ``eviction`` (granted or refused), ``kept-serving`` (a pod of a budgeted application, asked while the
node was drained).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.checks.findings import Findings
from sim.checks.split import Weigh
from sim.history import Observation, Outcome, only

STANDING, RETURNED, EVICTION, KEPT_SERVING = "standing", "returned", "eviction", "kept-serving"


def blast_radius(seen: Sequence[Observation], findings: Findings) -> None:
    """Only the zone's own servers were away, and all of them came back."""
    standing, returned = only(seen, STANDING), only(seen, RETURNED)
    findings.numbers["stood_outside"] = float(sum(o.outcome is Outcome.OK for o in standing))
    findings.numbers["returned"] = float(sum(o.outcome is Outcome.OK for o in returned))
    if not standing:
        findings.open.append("no server outside the zone was asked while it was lost")
    if not returned:
        findings.open.append("no server of the zone was asked when it was back")
    findings.wrong += [
        f"{o.target}, of another zone, did not serve while the zone was lost"
        for o in standing
        if o.outcome is not Outcome.OK
    ]
    findings.wrong += [f"{o.target} did not come back" for o in returned if o.outcome is not Outcome.OK]


def budgets_kept(budgets: Mapping[str, int]) -> Weigh:
    """No application fell below its budget: what would have been refused, and what stayed went on serving."""

    def weigh(seen: Sequence[Observation], findings: Findings) -> None:
        evictions = only(seen, EVICTION)
        serving = only(seen, KEPT_SERVING)
        if not evictions:
            findings.open.append("no pod was asked to leave")
        if not any(o.detail.get("app") in budgets for o in evictions):
            findings.open.append("no pod with a disruption budget was on the drained node")
        if not serving:
            findings.open.append("nobody asked the budgeted application while the node was drained")
        findings.numbers["evicted"] = float(sum(o.outcome is Outcome.OK for o in evictions))
        findings.numbers["refused"] = float(sum(o.outcome is not Outcome.OK for o in evictions))
        for o in evictions:
            if o.outcome is not Outcome.OK:
                findings.told.append(
                    f"C18: {o.target} cannot leave: {o.detail['available']} available, the budget wants "
                    f"{o.detail['least']} after it; this node is never fully drained"
                )
            elif o.detail.get("app") in budgets and int(o.detail["available"]) - 1 < budgets[o.detail["app"]]:
                findings.open.append(f"{o.target} was evicted against its budget: the drain was not what it claims")
        silent = [o for o in serving if o.outcome is not Outcome.OK]
        findings.wrong += [f"{o.target} did not serve while the node was drained" for o in silent]

    return weigh
