"""The verdict on a drill of the broker under load: nothing lost, service back, everything whole again.

Operations: ``publish`` and ``consume`` with an ``id``, ``fault``, ``leader`` (sampled, with its ``term``), ``queue``
(its type and members at a ``phase``), ``drain`` (OK when the queue was emptied), ``ready`` (what each node then says is
left), ``load`` and ``consumer`` (how the publisher and each consumer ended). The control writes ``control-publish``,
``control-consume`` and ``control-drain``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sim.checks.findings import Findings
from sim.checks.ledger import Ledger, ledger, named, out_of_order, rpo_s
from sim.checks.outages import Outage, outages
from sim.checks.recovery import Recovery, availability_percent, first_after_s, recovery, share_confirmed
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

PUBLISH, CONSUME, DRAIN, READY = "publish", "consume", "drain", "ready"
LEADER, QUEUE = "leader", "queue"
CONTROL_PUBLISH, CONTROL_CONSUME, CONTROL_DRAIN = "control-publish", "control-consume", "control-drain"
BEFORE, AFTER = "before", "after"

RECOVERY_DEADLINE_S = 60.0
"""A bound on the drill, not the document's: it promises automatic election (section 6) and no time for it."""
STEADY_SHARE = 0.9
"""Of what was tried, what must be confirmed for the state to be called steady."""
_AFTER_SPAN_S = 1.5
_MOST_VICTIMS = 3


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised of one drill, besides that nothing acknowledged is lost and nothing comes from nowhere.

    ``faults`` is how many must have been seen in force. ``elects``: while the broken leader was away another node was
    seen to lead. ``quiet_ms``: confirms came on with no gap longer than that, or than five of the usual ones.
    ``silent``: without a majority nothing may be confirmed. ``ordered``: one consumer gets one publisher's messages in
    their order. ``control`` says what the same death must have been seen to lose. ``flagged``: whatever is delivered
    again says so. ``by_design`` is said of a drill that shows which of the document's settings matter.
    """

    faults: int = 1
    elects: bool = False
    quiet_ms: float = 0.0
    silent: bool = False
    ordered: bool = False
    control: str = ""
    flagged: bool = False
    consumers: int = 0
    by_design: str = ""


def judge_broker_drill(promise: Promise) -> Callable[[Evidence], Verdict]:
    """FAIL on what the platform did, UNKNOWN when the evidence has a hole, PASS on neither."""

    def judge(evidence: Evidence) -> Verdict:
        seen = evidence.observations
        findings = Findings()
        publishes = only(seen, PUBLISH)
        books = ledger(publishes, only(seen, CONSUME))
        findings.numbers.update(books.numbers())
        _weigh_ledger(seen, books, findings)
        _weigh_consumers(seen, promise, findings)
        found = outages(seen, findings, wanted=promise.faults)
        _weigh_recovery(publishes, _rate(seen), found, promise, findings)
        if found:
            findings.numbers["rpo_ms"] = round(rpo_s(books, publishes, found[0].from_s) * 1000, 1)
            if promise.elects:
                _weigh_leaders(seen, found[0], findings)
            if promise.silent:
                _weigh_silence(publishes, found, findings)
        _tell_elections(seen, findings)
        _weigh_queue(seen, evidence.topology.broker.default_queue_type, findings)
        if promise.control:
            _weigh_control(seen, promise.control, findings)
        if promise.by_design:
            findings.told.append(promise.by_design)
        return findings.verdict(lambda numbers: _holds(books, found, promise, numbers))

    return judge


def _holds(books: Ledger, found: Sequence[Outage], promise: Promise, numbers: Mapping[str, float]) -> str:
    said = f"{len(books.acknowledged)} of {len(books.attempted)} messages acknowledged, none lost"
    if not found:
        return f"{said}, none doubled, none from nowhere"
    names = f"{found[0].name} of {_victims(found)}"
    if promise.silent:
        return f"{said}; nothing was confirmed without a majority, and all went on after {names} was healed"
    rto_ms = numbers.get("rto_ms", 0.0)
    under = ", under a new leader" if promise.elects else ""
    return f"{said}; service was back {rto_ms:.0f} ms after {names}{under}"


def _victims(found: Sequence[Outage]) -> str:
    """Whom the faults struck; many, as in a zone, by their number: the evidence has each."""
    names = tuple(dict.fromkeys(o.target for o in found))
    return " and ".join(names) if len(names) <= _MOST_VICTIMS else f"{len(names)} servers"


def _rate(seen: Sequence[Observation]) -> float:
    return next((float(o.detail.get("rate_per_s", 0)) for o in only(seen, "load") if o.detail.get("of") == PUBLISH), 0)


def _weigh_ledger(seen: Sequence[Observation], books: Ledger, findings: Findings) -> None:
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
    left = [o for o in only(seen, READY) if o.outcome is Outcome.OK and o.detail.get("messages")]
    findings.wrong += [f"after the drain {o.target} says {o.detail['messages']} messages are left" for o in left]


def _weigh_consumers(seen: Sequence[Observation], promise: Promise, findings: Findings) -> None:
    ends = only(seen, "consumer")
    failed = [o for o in ends if o.outcome is not Outcome.OK]
    if failed:
        findings.open.append(f"a consumer did not end well: {_message(failed)}")
    elif len(ends) < promise.consumers:
        findings.open.append(f"only {len(ends)} of {promise.consumers} consumers were seen to end")
    if promise.consumers:
        asked = {o.target for o in only(seen, READY) if o.outcome is Outcome.OK}
        if not asked:
            findings.open.append("no node was asked what is left after the drain")
    if promise.flagged:
        _weigh_flags(only(seen, "fault"), only(seen, CONSUME), findings)
    if promise.ordered:
        late = out_of_order(only(seen, PUBLISH), only(seen, CONSUME))
        findings.numbers["out_of_order"] = float(len(late))
        if late:
            findings.wrong.append(f"{len(late)} messages overtaken by later ones: {named(late)}")


def _weigh_flags(faults: Sequence[Observation], consumes: Sequence[Observation], findings: Findings) -> None:
    """What a dead consumer had in hand is marked when it comes again, so that its effect can be had once."""
    held = {message for o in faults for message in o.detail.get("held", ())}
    again = [o for o in consumes if str(o.detail["id"]) in held and o.detail.get("link") is not None]
    silent = tuple(dict.fromkeys(str(o.detail["id"]) for o in again if not o.detail.get("redelivered")))
    findings.numbers["held_by_the_dead"] = float(len(held))
    if silent:
        findings.wrong.append(f"{len(silent)} messages came again without a mark: {named(silent)}")
    if not again:
        findings.open.append("nothing that a dead consumer had in hand was seen to come again")


def _weigh_recovery(
    publishes: Sequence[Observation],
    rate: float,
    found: Sequence[Outage],
    promise: Promise,
    findings: Findings,
) -> None:
    confirmed_s = [o.t_s for o in publishes if o.outcome is Outcome.OK]
    if not found:
        if not promise.faults and len(confirmed_s) > 1:
            findings.numbers["longest_gap_ms"] = round(max(b - a for a, b in pairwise(sorted(confirmed_s))) * 1000, 1)
            findings.numbers["rto_ms"] = findings.numbers["rpo_ms"] = 0.0
        return
    from_s, to_s = found[0].from_s, max(o.to_s for o in found)
    measured = recovery(publishes, from_s, to_s)
    if measured is None:
        findings.open.append("no steady state before the fault to compare with")
        return
    findings.numbers["baseline_gap_ms"] = round(measured.baseline_s * 1000, 1)
    tried_until_s = max(o.t_s for o in publishes)
    if rate:
        share = availability_percent(publishes, from_s, tried_until_s, rate)
        findings.numbers["availability_percent"] = round(share, 2)
        _weigh_steadiness(publishes, from_s, findings)
    findings.numbers.update(measured.numbers())
    if math.isfinite(measured.outage_s):
        findings.numbers["rejoin_gap_ms"] = round(measured.rejoin_s * 1000, 1)
    after_s = first_after_s(confirmed_s, to_s)
    if after_s is not None:
        findings.numbers["after_heal_ms"] = round(after_s * 1000, 1)
    if not (promise.silent and math.isfinite(measured.outage_s)):
        # Without a majority it is away for as long as the fault is kept up, which says nothing.
        _weigh_outage(measured, found, tried_until_s, promise.quiet_ms, findings)


def _weigh_outage(
    measured: Recovery, found: Sequence[Outage], tried_until_s: float, quiet_ms: float, findings: Findings
) -> None:
    victim = _victims(found)
    tried_s = tried_until_s - found[0].from_s
    if measured.outage_s > RECOVERY_DEADLINE_S and tried_s >= RECOVERY_DEADLINE_S:
        findings.wrong.append(f"no confirm again within {RECOVERY_DEADLINE_S:g} s of {found[0].name} of {victim}")
    elif not math.isfinite(measured.outage_s):
        findings.open.append(f"no confirm came after the fault, and the publisher tried for {tried_s:.1f} s only")
    elif quiet_ms:
        bound_ms = max(quiet_ms, 5 * measured.baseline_s * 1000)
        if measured.outage_s * 1000 > bound_ms:
            findings.wrong.append(
                f"{measured.outage_s * 1000:.0f} ms without a confirm, where {bound_ms:.0f} ms would be noise"
            )


def _weigh_steadiness(publishes: Sequence[Observation], from_s: float, findings: Findings) -> None:
    """Before the fault and in the last stretch what was tried was also confirmed, but for a few.

    By the share of what was tried, not by the rate: a rig short of breath tries less, and the platform is not to blame.
    """
    last_s = max(float(o.detail["intended_s"]) for o in publishes)
    before = share_confirmed(o for o in publishes if o.t_s < from_s)
    after = share_confirmed(o for o in publishes if float(o.detail["intended_s"]) >= last_s - _AFTER_SPAN_S)
    findings.numbers["steady_before_percent"] = round(100 * before, 1)
    findings.numbers["steady_after_percent"] = round(100 * after, 1)
    if before < STEADY_SHARE:
        findings.open.append(f"no steady state before the fault: {before:.0%} of what was tried was confirmed")
    elif after < STEADY_SHARE:
        findings.wrong.append(f"not steady again at the end: {after:.0%} of what was tried was confirmed")


def _weigh_silence(publishes: Sequence[Observation], found: Sequence[Outage], findings: Findings) -> None:
    """From when the last fault was in force to when the first was healed nothing may be confirmed."""
    from_s, to_s = max(o.effect_s for o in found), min(o.to_s for o in found)
    tried = [o for o in publishes if from_s < o.t_s and float(o.detail["intended_s"]) < to_s]
    confirmed = [o for o in publishes if o.outcome is Outcome.OK and from_s < o.t_s < to_s]
    findings.numbers["tried_without_majority"] = float(len(tried))
    findings.numbers["confirmed_without_majority"] = float(len(confirmed))
    if not tried:
        findings.open.append("nothing was tried while the majority was away")
    if confirmed:
        ids = tuple(str(o.detail["id"]) for o in confirmed)
        findings.wrong.append(f"{len(confirmed)} messages confirmed without a majority: {named(ids)}")


def _weigh_leaders(seen: Sequence[Observation], outage: Outage, findings: Findings) -> None:
    """Automatic election: another node was seen to lead while the broken one was away."""
    samples = [o for o in only(seen, LEADER) if o.outcome is Outcome.OK]
    before = [str(o.detail.get("leader", "")) for o in samples if o.t_s < outage.from_s]
    during = [o for o in samples if outage.from_s <= o.t_s <= outage.to_s]
    others = [o for o in during if o.detail.get("leader") not in {"", None, outage.target}]
    if not before or before[-1] != outage.target:
        findings.open.append(f"{outage.target} was killed, but {before[-1] if before else 'nobody'} was seen to lead")
    if others:
        findings.numbers["new_leader_seen_ms"] = round((others[0].t_s - outage.from_s) * 1000, 1)
    elif not during:
        findings.open.append("who led while the killed node was down was not observed")
    elif during[-1].t_s - outage.from_s >= RECOVERY_DEADLINE_S - 1.0:
        findings.wrong.append(f"no new leader within {RECOVERY_DEADLINE_S:g} s: section 6 says election is automatic")
    else:
        findings.open.append(f"no new leader was seen, looked for {during[-1].t_s - outage.from_s:.1f} s only")


def _tell_elections(seen: Sequence[Observation], findings: Findings) -> None:
    """Who led, from when, in which Raft term."""
    reigns: list[tuple[str, float, int]] = []
    for o in only(seen, LEADER):
        leader, term = str(o.detail.get("leader") or ""), int(o.detail.get("term") or 0)
        if o.outcome is not Outcome.OK or not leader:
            continue
        if not reigns or reigns[-1][0] != leader:
            reigns.append((leader, o.t_s, term))
        elif term:
            reigns[-1] = (leader, reigns[-1][1], term)
    for leader, since_s, term in reigns:
        findings.told.append(f"led by {leader} from {since_s:.2f} s" + (f", term {term}" if term else ""))
    if reigns:
        findings.numbers["changes_of_leader"] = float(len(reigns) - 1)
        findings.numbers["last_term"] = float(reigns[-1][2])


def _weigh_queue(seen: Sequence[Observation], documented_type: str, findings: Findings) -> None:
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


def _weigh_control(seen: Sequence[Observation], lossy: str, findings: Findings) -> None:
    """The same messages through the same death where they must be lost: the ledger must see it."""
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
            f"control: of {len(books.acknowledged)} messages {lossy} the ledger saw {len(books.lost)} lost"
        )


def _message(observations: Sequence[Observation]) -> str:
    return next((str(o.detail["message"]) for o in observations if o.detail.get("message")), "")
