"""The verdict on a drill that kills a queue's leader under load: nothing lost, somebody else took over, all came back.

Operations: ``publish`` and ``consume`` with an ``id``, ``fault``, ``leader`` (sampled), ``queue`` (its type and
members at a ``phase``), ``drain`` (OK when the queue was emptied), ``load`` (how the publisher ended). The control
writes ``control-publish``, ``control-consume`` and ``control-drain``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.checks.ledger import Ledger, ledger, named
from sim.checks.recovery import availability_percent, recovery
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Status, Verdict

PUBLISH = "publish"
CONSUME = "consume"
DRAIN = "drain"
LEADER = "leader"
QUEUE = "queue"
CONTROL_PUBLISH = "control-publish"
CONTROL_CONSUME = "control-consume"
CONTROL_DRAIN = "control-drain"

RECOVERY_DEADLINE_S = 60.0
"""A bound on the drill, not the document's: it promises automatic election (section 6) and no time for it."""
BEFORE, AFTER = "before", "after"


@dataclass(slots=True)
class _Findings:
    wrong: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Outage:
    """The fault as it was: ``to_s`` is when healing began."""

    server: str
    from_s: float
    to_s: float


def judge_leader_loss(evidence: Evidence) -> Verdict:
    """FAIL on what the platform did, UNKNOWN when the evidence has a hole, PASS on neither."""
    seen = evidence.observations
    findings = _Findings()
    books = ledger(only(seen, PUBLISH), only(seen, CONSUME))
    findings.numbers.update(books.numbers())
    _weigh_ledger(seen, books, findings)
    outage = _outage(seen, findings)
    if outage is not None:
        _weigh_recovery(seen, outage, findings)
        _weigh_leaders(seen, outage, findings)
    _weigh_queue(seen, evidence.topology.broker.default_queue_type, findings)
    _weigh_control(seen, findings)
    return _verdict(findings, books, outage)


def _verdict(findings: _Findings, books: Ledger, outage: _Outage | None) -> Verdict:
    lines = (*findings.wrong, *findings.open, *findings.told)
    status = Status.FAIL if findings.wrong else Status.UNKNOWN if findings.open else Status.PASS
    if status is Status.PASS and outage is not None:
        rto_ms = findings.numbers["rto_ms"]
        reason = (
            f"{len(books.acknowledged)} of {len(books.attempted)} messages acknowledged, none lost; service was back "
            f"{rto_ms:.0f} ms after {outage.server} was killed, under a new leader"
        )
    else:
        decisive = findings.wrong or findings.open
        reason = decisive[0] + (f", and {len(decisive) - 1} more" if len(decisive) > 1 else "")
    return Verdict(status, reason, lines, findings.numbers)


def _weigh_ledger(seen: Sequence[Observation], books: Ledger, findings: _Findings) -> None:
    ends = [o for o in only(seen, "load") if o.detail.get("of") == PUBLISH]
    drained = any(o.outcome is Outcome.OK for o in only(seen, DRAIN))
    whole = any(o.outcome is Outcome.OK and o.detail.get("attempted") == len(books.attempted) for o in ends)
    if not books.acknowledged:
        findings.open.append("no message was ever acknowledged")
    if not drained:
        findings.open.append("the queue was not drained to its end: what is missing cannot be told from what is late")
    elif books.lost:
        findings.wrong.append(f"{len(books.lost)} acknowledged messages lost: {named(books.lost)}")
    if not whole:
        findings.open.append(f"the publisher did not end well: {_message(ends) or 'nothing tells of its end'}")
    elif books.unexpected:
        findings.wrong.append(
            f"{len(books.unexpected)} messages consumed that nobody published: {named(books.unexpected)}"
        )
    if books.duplicated:
        findings.told.append(f"delivered more than once (at least once is the promise): {named(books.duplicated)}")
    if books.recovered:
        findings.told.append(f"never acknowledged, yet delivered: {named(books.recovered)}")


def _outage(seen: Sequence[Observation], findings: _Findings) -> _Outage | None:
    faults = only(seen, "fault")
    injected = next((o for o in faults if o.detail.get("phase") == "inject"), None)
    healed = next((o for o in faults if o.detail.get("phase") == "heal"), None)
    if injected is None:
        findings.open.append("no fault was injected")
        return None
    if injected.outcome is not Outcome.OK:
        findings.open.append(
            f"the fault was not seen to work on {injected.target}: {injected.detail.get('evidence', '')}"
        )
        return None
    findings.told.append(
        f"{injected.detail.get('name')} of {injected.target} at {injected.t_s:.2f} s: {injected.detail.get('evidence')}"
    )
    if healed is None:
        findings.open.append(f"nothing tells of {injected.target} being started again")
        return _Outage(injected.target, injected.t_s, math.inf)
    if healed.outcome is not Outcome.OK:
        findings.open.append(f"{injected.target} did not come back: {healed.detail.get('evidence', '')}")
    return _Outage(injected.target, injected.t_s, healed.t_s)


def _weigh_recovery(seen: Sequence[Observation], outage: _Outage, findings: _Findings) -> None:
    publishes = only(seen, PUBLISH)
    confirmed = [o for o in publishes if o.outcome is Outcome.OK]
    found = recovery((o.t_s for o in confirmed), outage.from_s, outage.to_s)
    if found is None:
        findings.open.append("no steady state before the fault to compare with")
        return
    findings.numbers["baseline_gap_ms"] = round(found.baseline_s * 1000, 1)
    tried_until_s = max(o.t_s for o in publishes)
    rate_per_s = next((float(o.detail.get("rate_per_s", 0)) for o in only(seen, "load")), 0.0)
    if rate_per_s:
        share = availability_percent(publishes, outage.from_s, tried_until_s, rate_per_s)
        findings.numbers["availability_percent"] = round(share, 2)
    if math.isfinite(found.outage_s):
        findings.numbers["rto_ms"] = round(found.rto_s * 1000, 1)
        findings.numbers["rejoin_gap_ms"] = round(found.rejoin_s * 1000, 1)
    if found.outage_s > RECOVERY_DEADLINE_S and tried_until_s - outage.from_s >= RECOVERY_DEADLINE_S:
        findings.wrong.append(f"no confirm again within {RECOVERY_DEADLINE_S:g} s of the leader's death")
    elif not math.isfinite(found.outage_s):
        findings.open.append(
            f"no confirm came after the fault, and the publisher tried for {tried_until_s - outage.from_s:.1f} s only"
        )


def _weigh_leaders(seen: Sequence[Observation], outage: _Outage, findings: _Findings) -> None:
    """Automatic election: another node was seen to lead while the killed one was down."""
    samples = [o for o in only(seen, LEADER) if o.outcome is Outcome.OK]
    before = [str(o.detail.get("leader", "")) for o in samples if o.t_s < outage.from_s]
    during = [o for o in samples if outage.from_s <= o.t_s <= outage.to_s]
    others = [o for o in during if o.detail.get("leader") not in {"", None, outage.server}]
    if not before or before[-1] != outage.server:
        findings.open.append(f"{outage.server} was killed, but {before[-1] if before else 'nobody'} was seen to lead")
    if others:
        findings.numbers["new_leader_seen_ms"] = round((others[0].t_s - outage.from_s) * 1000, 1)
        findings.told.append(f"leader before {outage.server}, after {others[0].detail['leader']}")
    elif not during:
        findings.open.append("who led while the killed node was down was not observed")
    elif during[-1].t_s - outage.from_s >= RECOVERY_DEADLINE_S - 1.0:
        findings.wrong.append(f"no new leader within {RECOVERY_DEADLINE_S:g} s: section 6 says election is automatic")
    else:
        findings.open.append(f"no new leader was seen, looked for {during[-1].t_s - outage.from_s:.1f} s only")


def _weigh_queue(seen: Sequence[Observation], documented_type: str, findings: _Findings) -> None:
    states = {str(o.detail.get("phase")): o for o in only(seen, QUEUE)}
    before, after = states.get(BEFORE), states.get(AFTER)
    if before is None or before.outcome is not Outcome.OK:
        findings.open.append("the queue was not seen whole before the fault")
    else:
        kind = before.detail.get("type")
        findings.told.append(f"a {kind} queue on {', '.join(before.detail.get('online', ()))}")
        if kind != documented_type:
            findings.wrong.append(f"the queue is {kind}, documented {documented_type} (section 6)")
    if after is None:
        findings.open.append("the queue's members were not seen again after the healing")
    elif after.outcome is not Outcome.OK:
        findings.wrong.append(f"not all members are back: online {', '.join(after.detail.get('online', ())) or 'none'}")


def _weigh_control(seen: Sequence[Observation], findings: _Findings) -> None:
    """The same messages through the same death in a queue that keeps no copy: the ledger must see them lost."""
    books = ledger(only(seen, CONTROL_PUBLISH), only(seen, CONTROL_CONSUME))
    findings.numbers["control_acknowledged"] = float(len(books.acknowledged))
    findings.numbers["control_lost"] = float(len(books.lost))
    drained = any(o.outcome is Outcome.OK for o in only(seen, CONTROL_DRAIN))
    if not books.acknowledged or not drained:
        findings.open.append("the control was not carried through: nothing shows that the ledger can see loss")
    elif not books.lost:
        findings.open.append("the ledger cannot see loss: the control's messages all survived, and should not have")
    else:
        findings.told.append(
            f"control: of {len(books.acknowledged)} transient messages in a classic queue on the killed node the "
            f"ledger saw {len(books.lost)} lost"
        )


def _message(observations: Sequence[Observation]) -> str:
    return next((str(o.detail["message"]) for o in observations if o.detail.get("message")), "")
