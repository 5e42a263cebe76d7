"""Whether alerts still arrive while one replica of each part of monitoring is dead.

Operations: ``alert`` (one fired at a ``phase``: the ``channels`` it arrived on), ``watch`` (a surviving Prometheus at a
``phase``: its healthy ``rules`` and the ``alertmanagers`` it tells), ``fault``.
"""

from __future__ import annotations

from sim.checks.findings import Findings
from sim.checks.outages import outages
from sim.history import Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

ALERT, WATCH = "alert", "watch"
BEFORE, DURING = "before", "during"
SEVERITY = "critical"


def judge_missed_alerts(evidence: Evidence) -> Verdict:
    seen, findings = evidence.observations, Findings()
    found = outages(seen, findings, wanted=2)
    routes = evidence.topology.monitoring.alertmanager.routes
    documented = sorted(channel for route in routes if route.severity == SEVERITY for channel in route.channels)
    alerts = {str(o.detail.get("phase")): o for o in only(seen, ALERT)}
    before, during = alerts.get(BEFORE), alerts.get(DURING)
    if before is None or sorted(before.detail.get("channels", ())) != documented:
        findings.open.append(
            "the alert fired before the fault did not arrive, so that nothing can be said of one after"
        )
    if during is None:
        findings.open.append("no alert was fired while the replicas were dead")
    elif not all(o.effect_s <= during.t_s <= o.to_s for o in found):
        findings.open.append("the alert was not fired while both replicas were dead")
    elif during.outcome is Outcome.UNSURE:
        findings.open.append(f"the sink could not be asked: {during.detail.get('message', '')}")
    else:
        missed = [channel for channel in documented if channel not in during.detail.get("channels", ())]
        findings.wrong += [f"missed: the alert did not arrive by {channel}" for channel in missed]
        findings.numbers["arrived_after_ms"] = round(float(during.detail.get("took_s", 0.0)) * 1000, 1)
    watched = {str(o.detail.get("phase")): o for o in only(seen, WATCH) if o.outcome is Outcome.OK}
    if BEFORE not in watched or DURING not in watched:
        findings.open.append("the surviving Prometheus was not asked before and during the fault")
    else:
        rules = [int(watched[phase].detail["rules"]) for phase in (BEFORE, DURING)]
        findings.numbers["rules_watched"] = float(rules[1])
        if not rules[0]:
            findings.open.append("no rule was watched before the fault")
        elif rules[1] < rules[0]:
            findings.wrong.append(f"the surviving Prometheus watches {rules[1]} rules, {rules[0]} before")
        if not watched[DURING].detail.get("alertmanagers"):
            findings.wrong.append("the surviving Prometheus knows no Alertmanager to tell")
    return findings.verdict(
        lambda n: (
            f"the alert arrived by {' and '.join(documented)} after {n['arrived_after_ms']:.0f} ms, with one "
            f"Prometheus and one Alertmanager dead; {n['rules_watched']:.0f} rules were watched on"
        )
    )
