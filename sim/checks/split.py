"""What else is weighed of a drill of the broker: who reconciled, who led, who was cut off, who caught up.

Operations: ``reconciled`` (per node, whether its log tells of auto-heal since the fault), ``membership`` (per node,
after the healing: the ``running`` members and ``partitions`` it reports), ``replica`` (per node, the last ``entry`` of
the queue's log), ``split`` (per node, twice while a cut lasts, the ``term`` and last ``committed`` entry of its log),
``rolled`` (a server gone round), ``metadata`` (where the broker keeps its own), ``declared`` (a queue asked for on a
node that is cut off), ``net-tick`` (after how many seconds of silence a peer is taken for down).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from sim.checks.broker_drill import LEADER, PUBLISH, READY
from sim.checks.findings import Findings
from sim.checks.outages import Outage, outages
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Status, Verdict

RECONCILED, MEMBERSHIP, REPLICA, ROLLED = "reconciled", "membership", "replica", "rolled"
SPLIT = "split"
METADATA, DECLARED, NET_TICK = "metadata", "declared", "net-tick"

Weigh = Callable[[Sequence[Observation], Findings], None]
MAJORITY_DEADLINE_S = 40.0
"""A bound on the drill: how long a majority may take to go on without the leader it was cut off from."""
LATE_S = 1.0
"""What the document calls slow (section 9)."""


def also(judge: Callable[[Evidence], Verdict], *weighs: Weigh) -> Callable[[Evidence], Verdict]:
    """The same verdict, with more asked of the same history; worst wins."""

    def judged(evidence: Evidence) -> Verdict:
        verdict, findings = judge(evidence), Findings()
        for weigh in weighs:
            weigh(evidence.observations, findings)
        more = findings.verdict(lambda _: verdict.reason)
        decisive = max((verdict, more), key=lambda v: _RANK[v.status])
        return Verdict(
            decisive.status,
            decisive.reason,
            (*more.evidence, *verdict.evidence),
            {**verdict.numbers, **more.numbers},
            beyond_fidelity=verdict.beyond_fidelity,
        )

    return judged


_RANK = {Status.PASS: 0, Status.UNKNOWN: 1, Status.FAIL: 2}


def auto_healed(*, wanted: bool) -> Weigh:
    """Nodes reconciled by restarting the losers, or none had reason to; no partition is left in any node's eyes."""

    def weigh(seen: Sequence[Observation], findings: Findings) -> None:
        told = only(seen, RECONCILED)
        acted = [o.target for o in told if o.detail.get("acted")]
        ticks_s = {int(o.detail["tick_s"]) for o in only(seen, NET_TICK)}
        if wanted and not ticks_s:
            findings.open.append("how long the net tick was is not on record")
        elif wanted:
            findings.told.append(f"the net tick was {min(ticks_s)} s for the drill, {max(ticks_s)} s after it")
        asked = {o.target for o in only(seen, MEMBERSHIP) if o.outcome is Outcome.OK}
        findings.numbers["nodes_auto_healed"] = float(len(acted))
        if not told or not asked:
            findings.open.append("nobody looked whether the nodes reconciled")
        elif wanted and not acted:
            findings.wrong.append("a partition longer than the net tick ended and no node auto-healed (section 6)")
        elif not wanted and acted:
            findings.wrong.append(f"auto-heal restarted nodes after a partition shorter than the net tick: {acted[0]}")
        else:
            findings.told.append(
                f"auto-heal acted on {', '.join(acted)}" if acted else "auto-heal had no reason to act, and did not"
            )
        _weigh_membership(seen, findings)

    return weigh


def reunited(seen: Sequence[Observation], findings: Findings) -> None:
    """Every node was asked afterwards, and sees all of them."""
    if not only(seen, MEMBERSHIP):
        findings.open.append("no node was asked who runs")
    _weigh_membership(seen, findings)


def emptied(seen: Sequence[Observation], findings: Findings) -> None:
    """The nodes were asked what is left, so that what is missing is not merely late."""
    if not any(o.outcome is Outcome.OK for o in only(seen, READY)):
        findings.open.append("no node was asked what is left")


def _weigh_membership(seen: Sequence[Observation], findings: Findings) -> None:
    for o in only(seen, MEMBERSHIP):
        if o.outcome is not Outcome.OK:
            findings.open.append(f"{o.target} did not say who runs: {o.detail.get('message', '')}")
        elif o.detail.get("partitions"):
            findings.wrong.append(f"{o.target} still sees a partition from {', '.join(o.detail['partitions'])}")
        elif len(o.detail.get("running", ())) < int(o.detail.get("members", 0)):
            findings.wrong.append(f"{o.target} sees only {', '.join(o.detail['running'])} running")


def confirmed_before_heal(seen: Sequence[Observation], findings: Findings) -> None:
    """C9: the queue went on by itself while the partition lasted, before anything could be reconciled."""
    for outage in _outages(seen):
        confirmed = [
            o for o in only(seen, PUBLISH) if o.outcome is Outcome.OK and outage.effect_s < o.t_s < outage.to_s
        ]
        findings.numbers["confirmed_during_partition"] = float(len(confirmed))
        lasted_s = outage.to_s - outage.effect_s
        if not confirmed and lasted_s >= MAJORITY_DEADLINE_S:
            findings.wrong.append(f"the majority confirmed nothing in {lasted_s:.0f} s while a minority was cut off")
        elif not confirmed:
            findings.open.append(f"the majority confirmed nothing yet when the cut ended after {lasted_s:.1f} s")
        else:
            findings.told.append(
                f"C9: {len(confirmed)} messages were confirmed before the partition ended, when auto-heal could not "
                "have acted: quorum queues do not need it"
            )


def split_felt(seen: Sequence[Observation], findings: Findings) -> None:
    """Some member's log stood still while the cut lasted: it was there for the queue, too, and not only for packets."""
    for outage in _outages(seen):
        during = [o for o in only(seen, SPLIT) if outage.effect_s <= o.t_s <= outage.to_s]
        logs: dict[str, list[Observation]] = {}
        for o in during:
            # A queue's node that has not told of it since it was made says term 0.
            if o.outcome is Outcome.OK and o.detail.get("term"):
                logs.setdefault(o.target, []).append(o)
        twice = {node: found for node, found in logs.items() if len(found) > 1}
        unseen = [str(o.detail.get("message", "")) for o in during if o.outcome is not Outcome.OK]
        if not twice or len(twice) < len({o.target for o in during}):
            findings.open.append(
                f"how far the logs went during the cut was not seen: {(unseen or ['nobody looked'])[0]}"
            )
            continue
        grew = {node: found[-1].detail["committed"] - found[0].detail["committed"] for node, found in twice.items()}
        still = sorted(node for node, entries in grew.items() if not entries)
        terms = {node: (found[0].detail["term"], found[-1].detail["term"]) for node, found in twice.items()}
        findings.numbers["logs_that_stood_still"] = float(len(still))
        findings.numbers["terms_begun_in_split"] = float(max(later - first for first, later in terms.values()))
        if not still:
            findings.open.append("every member's log went on through the cut: the queue never felt it")
            continue
        lasted_s = min(found[-1].t_s - found[0].t_s for found in twice.values())
        others = ", ".join(f"{node} by {entries}" for node, entries in sorted(grew.items()) if entries)
        findings.told.append(
            f"for {lasted_s:.1f} s of the cut the log of {', '.join(still)} stood still; "
            + (f"there went on {others}" if others else "none went on")
        )


def led_by_majority(seen: Sequence[Observation], findings: Findings) -> None:
    """The leader that was cut off, or frozen, was seen replaced by another node."""
    samples = [o for o in only(seen, LEADER) if o.outcome is Outcome.OK and o.detail.get("leader")]
    for outage in _outages(seen):
        before = [str(o.detail["leader"]) for o in samples if o.t_s < outage.from_s]
        alone = outage.target.split(",")[0]
        if not before or before[-1] != alone:
            findings.open.append(f"{alone} was hit, but {before[-1] if before else 'nobody'} was seen to lead")
            continue
        others = [o for o in samples if o.t_s > outage.effect_s and o.detail["leader"] != alone]
        if others:
            findings.numbers["new_leader_seen_ms"] = round((others[0].t_s - outage.from_s) * 1000, 1)
        elif not any(outage.effect_s < o.t_s < outage.to_s for o in samples):
            findings.open.append(f"who led while {alone} was away was not observed")
        elif any(o.t_s > outage.to_s for o in samples):
            findings.wrong.append(f"{alone} led all along, away from the majority of its queue")
        else:
            findings.open.append("who led after that was not observed")


def felt_by_publisher(seen: Sequence[Observation], findings: Findings) -> None:
    """The publisher sat on the minority's side: what it sent came late, was refused, or got no answer."""
    for outage in _outages(seen):
        due = [o for o in only(seen, PUBLISH) if outage.from_s - LATE_S <= float(o.detail["intended_s"]) < outage.to_s]
        felt = [o for o in due if o.outcome is not Outcome.OK or o.t_s - float(o.detail["intended_s"]) > LATE_S]
        unsure = sum(o.outcome is Outcome.UNSURE for o in felt)
        findings.numbers["felt_by_publisher"] = float(len(felt))
        if not felt:
            findings.open.append("the publisher's own node was cut off, and it noticed nothing")
        else:
            findings.told.append(f"of {len(felt)} messages held up on the minority's side {unsure} got no answer")


def elections_bounded(most: int) -> Weigh:
    """A slow network may cost an election, not one after the other."""

    def weigh(seen: Sequence[Observation], findings: Findings) -> None:
        samples = [o for o in only(seen, LEADER) if o.outcome is Outcome.OK and o.detail.get("leader")]
        led = [str(o.detail["leader"]) for o in samples]
        changes = sum(a != b for a, b in pairwise(led))
        if not led:
            findings.open.append("who led was not observed")
        elif changes > most:
            findings.wrong.append(f"the leader changed {changes} times where at most {most} were allowed")

    return weigh


def undisturbed_by_return(seen: Sequence[Observation], findings: Findings) -> None:
    """The node that came back took nobody's lead, and has the whole log again."""
    found = _outages(seen)
    samples = [o for o in only(seen, LEADER) if o.outcome is Outcome.OK and o.detail.get("leader")]
    entries = {o.target: int(o.detail["entry"]) for o in only(seen, REPLICA) if o.outcome is Outcome.OK}
    for outage in found:
        led = {str(o.detail["leader"]) for o in samples if o.t_s >= outage.effect_s}
        if not led:
            findings.open.append("who led when the node came back was not observed")
        elif len(led) > 1:
            findings.wrong.append(f"the lead changed when {outage.target} came back: {', '.join(sorted(led))}")
    if not entries:
        findings.open.append("how far each replica's log goes was not observed")
        return
    newest = max(entries.values())
    findings.numbers["log_entries"] = float(newest)
    findings.wrong += [
        f"{node} has the log up to {entry} only, the others up to {newest}"
        for node, entry in entries.items()
        if entry < newest
    ]


def rolled_round(servers: int) -> Weigh:
    """Each server went round once, and the next only when the last served again."""

    def weigh(seen: Sequence[Observation], findings: Findings) -> None:
        rolled = [o for o in only(seen, ROLLED) if o.outcome is Outcome.OK]
        findings.numbers["rolled"] = float(len(rolled))
        if len({o.target for o in rolled}) < servers:
            findings.open.append(f"only {len(rolled)} of {servers} servers went round")
        else:
            slowest = max(float(o.detail.get("down_s", 0.0)) for o in rolled)
            findings.numbers["slowest_restart_s"] = round(slowest, 1)

    return weigh


def judge_minority_declare(evidence: Evidence) -> Verdict:
    """What a minority declares alone: nothing, by Khepri; with Mnesia nothing can be said of it."""
    seen, findings = evidence.observations, Findings()
    stores = {str(o.detail.get("store")) for o in only(seen, METADATA) if o.outcome is Outcome.OK}
    declared = only(seen, DECLARED)
    if stores == {"mnesia"}:
        return Verdict(
            Status.UNKNOWN,
            "this broker keeps its metadata in Mnesia, where the document's auto-heal has the say (C9)",
            beyond_fidelity=True,
        )
    found = outages(seen, findings, wanted=1)
    if not declared:
        findings.open.append("no queue was asked for on the minority's side")
    elif found and not all(o.effect_s <= d.t_s <= o.to_s for o in found for d in declared):
        findings.open.append("the queue was not asked for while the node was cut off")
    if not only(seen, NET_TICK):
        findings.open.append("how long the net tick was is not on record")
    if not only(seen, RECONCILED) or not only(seen, MEMBERSHIP):
        findings.open.append("nobody looked how the nodes found together again")
    if stores != {"khepri"}:
        findings.open.append("where the broker keeps its metadata was not observed")
    findings.wrong += [f"{o.target}, alone, declared a queue" for o in declared if o.outcome is Outcome.OK]
    _weigh_membership(seen, findings)
    acted = [o.target for o in only(seen, RECONCILED) if o.detail.get("acted")]
    findings.wrong += [f"auto-heal acted on {node} although Khepri needs none" for node in acted]
    return findings.verdict(lambda _: "the minority declared nothing, and auto-heal had nothing to do (C9)")


def _outages(seen: Sequence[Observation]) -> tuple[Outage, ...]:
    """Those in force; the drill's own judge has already told of what is missing."""
    return outages(seen, Findings(), wanted=0)
