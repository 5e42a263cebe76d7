"""How far a fault reached: which services suffered against those the document ties to what broke, and what was sold.

Operations: ``call`` for each question put to a service (``target`` is its kind, a key of :data:`KINDS`), ``load`` (how
each prober ended), ``fault``, and those of a sale (:mod:`sim.checks.sales`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sim.checks.findings import Findings
from sim.checks.outages import Outage, outages
from sim.checks.recovery import recovery, share_confirmed, to_ms
from sim.checks.sales import CHECKOUT, Sales, faults_of, sales
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.services.contract.shop import ASKS
from sim.topology.model import Topology
from sim.verdict import Verdict

CALL, LOAD = "call", "load"
KINDS: Mapping[str, str] = {
    "products": "/api/products?limit=1",
    "auth": "/api/auth/me",
    "baskets": "/api/baskets/current",
    "orders": "/api/orders?limit=1",
    "deliveries": "/api/deliveries?limit=1",
    "addresses": "/api/addresses?limit=1",
    "sav": "/api/sav?limit=1",
    "websites": "/api/websites?limit=1",
    "questions": "/api/questions?limit=1",
}
"""Service → a question that it alone answers, from its own database."""

RECOVERY_DEADLINE_S = 60.0
_STEADY_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Reach:
    """``bound_s``: a service that is not tied to what broke goes on with no longer a gap between good answers.

    ``budget``: of all questions no larger a share than the gateway's objective allows may come to nothing.
    """

    bound_s: float
    budget: bool = False


def judge_blast(reach: Reach) -> Callable[[Evidence], Verdict]:
    """FAIL when a stranger suffered, somebody did not recover, or an order did not happen exactly once."""

    def judge(evidence: Evidence) -> Verdict:
        seen = evidence.observations
        findings = Findings()
        found = outages(seen, findings)
        _weigh_sales(seen, found, findings)
        if found:
            tied = {service for outage in found for service in tied_to(evidence.topology, outage.target)}
            _weigh_kinds(seen, found, tied, reach, findings)
            if reach.budget:
                _weigh_budget(seen, found[0].from_s, evidence.topology, findings)
        return findings.verdict(lambda numbers: _holds(numbers, found))

    return judge


def tied_to(topology: Topology, server: str) -> frozenset[str]:
    """Services that are tied to one server: its own pod's, its database's, and whoever asks those over the broker.

    Behind the gateway all are. One node of three brokers ties nobody, nor does the cache, which services only lean on
    (sections 6 and 8).
    """
    if server.startswith(topology.gateway.name):
        return frozenset(topology.services)
    owned = {key for key, database in topology.databases.items() if database.deployment == server}
    tied = {
        key
        for key, service in topology.services.items()
        if service.database in owned or re.fullmatch(rf"{re.escape(service.name)}(-\d+)?", server)
    }
    while asking := {key for key, routes in ASKS.items() if key not in tied and any(r.service in tied for r in routes)}:
        tied |= asking
    return frozenset(tied)


def _weigh_sales(seen: Sequence[Observation], found: Sequence[Outage], findings: Findings) -> None:
    """Each accepted checkout once: an order, a delivery, a movement of stock."""
    ledger = sales(seen)
    if isinstance(ledger, str):
        findings.open.append(ledger)
        return
    lost = _lost(ledger)
    fault_s = found[0].from_s if found else math.inf
    accepted_s = {str(o.detail["order_id"]): o.t_s for o in only(seen, CHECKOUT) if o.outcome is Outcome.OK}
    earliest_s = min((accepted_s[order] for order in lost), default=fault_s)
    cut_short = ledger.unsure + sum(ledger.refused.values())
    findings.wrong += faults_of(ledger, may_stay_reserved=cut_short)
    findings.numbers.update(
        {
            **ledger.numbers(),
            "lost": float(len(lost)),
            "rpo_ms": round(max(0.0, fault_s - earliest_s) * 1000, 1) if found else 0.0,
        }
    )
    if not ledger.accepted:
        findings.open.append("no checkout was accepted")


def _lost(ledger: Sales) -> tuple[str, ...]:
    return tuple(order for order in ledger.accepted if order not in ledger.states)


def _weigh_kinds(
    seen: Sequence[Observation], found: Sequence[Outage], tied: set[str], reach: Reach, findings: Findings
) -> None:
    from_s, to_s = found[0].from_s, max(o.to_s for o in found)
    ended = {o.target for o in only(seen, LOAD) if o.detail.get("of") == CALL and o.outcome is Outcome.OK}
    calls: dict[str, list[Observation]] = {kind: [] for kind in KINDS}
    for o in only(seen, CALL):
        calls.setdefault(o.target, []).append(o)
    suffered, worst = [], (0.0, 0.0)
    for kind, asked in calls.items():
        good_s = [o.t_s for o in asked if o.outcome is Outcome.OK]
        measured = recovery(asked, from_s, to_s)
        if kind not in ended or measured is None:
            findings.open.append(f"{kind} was not asked from before the fault to the end")
            continue
        if share_confirmed(o for o in asked if o.t_s < from_s) < _STEADY_SHARE:
            findings.open.append(f"{kind} was in no steady state before the fault")
            continue
        if not math.isfinite(measured.outage_s) or max(good_s) <= to_s:
            _weigh_never_again(kind, asked, from_s, findings)
            continue
        worst = max(worst, (measured.rto_s, measured.resolution_s))
        findings.numbers.update(measured.numbers(kind))
        # A rig short of breath asks late: five of the usual gaps are noise, however long.
        if measured.outage_s > max(reach.bound_s, 5 * measured.baseline_s):
            suffered.append(kind)
            if kind not in tied:
                findings.wrong.append(
                    f"{kind} had no good answer for {measured.outage_s:.2f} s, and the document does not tie it to "
                    f"{found[0].target}"
                )
    findings.numbers["rto_ms"], findings.numbers["rto_resolution_ms"] = map(to_ms, worst)
    findings.numbers["services_that_suffered"] = float(len(suffered))
    findings.told.append(
        f"suffered: {', '.join(suffered) or 'nobody'}; tied to {found[0].target}: {', '.join(sorted(tied)) or 'nobody'}"
    )


def _weigh_never_again(kind: str, asked: Sequence[Observation], from_s: float, findings: Findings) -> None:
    tried_s = max(o.t_s for o in asked) - from_s
    if tried_s >= RECOVERY_DEADLINE_S:
        findings.wrong.append(f"{kind} had no good answer again within {RECOVERY_DEADLINE_S:g} s")
    else:
        findings.open.append(f"{kind} had no good answer again, asked for {tried_s:.1f} s only")


def _weigh_budget(seen: Sequence[Observation], from_s: float, topology: Topology, findings: Findings) -> None:
    """Of what was asked from the fault on, the share that came to nothing."""
    asked = [o for o in only(seen, CALL) if float(o.detail["intended_s"]) >= from_s]
    allowed = topology.gateway.objectives.error_share
    share = 1.0 - share_confirmed(asked) if asked else 0.0
    findings.numbers["error_share_percent"] = round(100 * share, 3)
    if share > allowed:
        findings.wrong.append(
            f"{share:.2%} of {len(asked)} questions came to nothing, the objective allows {allowed:.2%}"
        )


def _holds(numbers: Mapping[str, float], found: Sequence[Outage]) -> str:
    return (
        f"{numbers.get('accepted', 0):.0f} orders accepted, each with one delivery and one movement of stock; "
        f"{numbers.get('services_that_suffered', 0):.0f} services felt {found[0].name} of {found[0].target}, the worst "
        f"for {numbers.get('rto_ms', 0):.0f} ms"
    )
