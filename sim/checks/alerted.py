"""A documented alert and the fault it is for: quiet before, fired everywhere in time, told to whom it must be, over.

Operations: ``alert`` for the state of the rule on one Prometheus at a ``phase`` (``before``, ``during``, ``after``),
with how long it took; ``told`` for the channels that heard ``firing`` or ``resolved``; ``fault``.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.checks.findings import Findings
from sim.checks.outages import outages
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.topology.model import Topology
from sim.verdict import Verdict

ALERT, TOLD = "alert", "told"
BEFORE, DURING, AFTER = "before", "during", "after"
FIRING, RESOLVED, INACTIVE = "firing", "resolved", "inactive"
_EXPECTED = {BEFORE: INACTIVE, DURING: FIRING, AFTER: INACTIVE}


def judge_alerted(alert: str) -> Callable[[Evidence], Verdict]:
    """FAIL when it did not fire, told nobody or did not clear; UNKNOWN when it was firing before anything broke."""

    def judge(evidence: Evidence) -> Verdict:
        seen = evidence.observations
        findings = Findings()
        found = outages(seen, findings)
        missed = 0
        for name in prometheus_names(evidence.topology, seen):
            for phase in _EXPECTED:
                missed += _weigh_state(seen, alert, name, phase, findings)
        for status in (FIRING, RESOLVED):
            missed += _weigh_told(seen, evidence.topology, alert, status, findings)
        findings.numbers["lost"] = float(missed)
        findings.numbers["rpo_ms"] = 0.0
        findings.numbers["rto_ms"] = findings.numbers.get("cleared_after_ms", 0.0)
        return findings.verdict(
            lambda numbers: (
                f"{alert} fired {numbers['fired_after_ms'] / 1000:.0f} s after {found[0].name} of {found[0].target}, "
                f"was told, and cleared {numbers['cleared_after_ms'] / 1000:.0f} s after it was started again"
            )
        )

    return judge


def prometheus_names(topology: Topology, seen: tuple[Observation, ...]) -> tuple[str, ...]:
    """Every replica the document has; with nothing observed of one it is named all the same."""
    prometheus = topology.monitoring.prometheus
    wanted = tuple(f"{prometheus.name}-{number}" for number in range(prometheus.replicas))
    return tuple(dict.fromkeys((*wanted, *(o.target for o in only(seen, ALERT)))))


def _weigh_state(seen: tuple[Observation, ...], alert: str, name: str, phase: str, findings: Findings) -> int:
    """1 for an alert that was missed."""
    asked = [o for o in only(seen, ALERT) if o.target == name and o.detail.get("phase") == phase]
    if not asked or asked[-1].outcome is Outcome.UNSURE:
        findings.open.append(f"{name}: {alert} was not seen {phase} the fault")
        return 0
    last = asked[-1]
    state, took_s = str(last.detail["state"]), float(last.detail.get("after_s", 0.0))
    if state == _EXPECTED[phase]:
        label = {DURING: "fired_after_ms", AFTER: "cleared_after_ms"}.get(phase)
        if label:
            findings.numbers[label] = max(findings.numbers.get(label, 0.0), round(took_s * 1000, 1))
        return 0
    if phase == BEFORE:
        findings.open.append(f"{name}: {alert} was {state} before anything broke")
        return 0
    findings.wrong.append(f"{name}: {alert} was {state} {took_s:.0f} s into the time {phase} the fault")
    return int(phase == DURING)


def _weigh_told(seen: tuple[Observation, ...], topology: Topology, alert: str, status: str, findings: Findings) -> int:
    """1 when a documented channel was not told."""
    severity = next(rule.severity for rule in topology.monitoring.prometheus.rules if rule.name == alert)
    wanted = {
        c for route in topology.monitoring.alertmanager.routes if route.severity == severity for c in route.channels
    }
    heard = [o for o in only(seen, TOLD) if o.detail.get("status") == status]
    if not heard or heard[-1].outcome is Outcome.UNSURE:
        findings.open.append(f"who was told that {alert} is {status} was not seen")
        return 0
    silent = sorted(wanted - set(heard[-1].detail["channels"]))
    if silent:
        findings.wrong.append(f"{', '.join(silent)} was never told that {alert} is {status}")
    return int(bool(silent))
