"""The verdict on a game day: whatever broke and in whatever order, what was acknowledged is there, and once.

Operations: those of the broker's drills for messages, ``<kept>`` and ``<kept>-inventory`` for each of :data:`KEPT`,
those of a sale for orders, ``fault``, and ``game`` with how many ``minutes`` were asked for and ``played``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sim.checks.broker_drill import CONSUME, DRAIN, PUBLISH
from sim.checks.findings import Findings
from sim.checks.ledger import Ledger, balance, fates_of, ledger, named
from sim.checks.outages import FAULT, INJECT, Outage, outages
from sim.checks.recovery import course, to_ms
from sim.checks.sales import CHECKOUT, faults_of, sales
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Fidelity, Verdict

GAME = "game"
ROWS, ENTRIES, OBJECTS = "row", "entry", "object"
KEPT: Mapping[str, str] = {ROWS: "mysql", ENTRIES: "redis", OBJECTS: "object-store"}
"""What is written, and the kind of server that keeps it."""
_PLURAL = {ROWS: "rows", ENTRIES: "entries", OBJECTS: "objects"}

_CACHE_BOUND_S = 1.0
"""``appendfsync everysec``: what a death may cost the cache."""
_LONGEST_PAUSE_S = 120.0
"""Longer than any one fault with its recovery keeps people from buying."""
_MOST_TOLD = 20
_MOST_MISSED = 0.05


def inventory_of(kept: str) -> str:
    return f"{kept}-inventory"


def judge_game_day(evidence: Evidence) -> Verdict:
    """FAIL on anything acknowledged and gone, half there, from nowhere or done twice; UNKNOWN where nobody looked."""
    seen = evidence.observations
    findings = Findings()
    found = outages(seen, findings, may_miss=True)
    _weigh_misses(seen, findings)
    del findings.told[_MOST_TOLD:]
    lost = _weigh_messages(seen, findings)
    for kept, kind in KEPT.items():
        image = evidence.images.get(kind)
        standing_in = image is not None and image.fidelity is Fidelity.STAND_IN
        lost += _weigh_kept(seen, kept, found, findings, standing_in=standing_in)
    lost += _weigh_orders(seen, findings)
    _weigh_game(seen, found, findings)
    _tell_recovery(seen, found, findings)
    findings.numbers["lost"] = float(lost)
    findings.numbers["faults"] = float(len(found))
    return findings.verdict(
        lambda numbers: (
            f"{len(found)} faults in {numbers['minutes']:.1f} minutes: {numbers['messages']:.0f} messages, "
            f"{numbers['rows']:.0f} rows, {numbers['orders']:.0f} orders acknowledged, none lost, none twice"
        )
    )


def _weigh_misses(seen: Sequence[Observation], findings: Findings) -> None:
    """One fault of many that the rig could not inject takes nothing from the others; a kind that never worked does."""
    tried: dict[str, list[bool]] = {}
    for o in only(seen, FAULT):
        if o.detail.get("phase") == INJECT:
            tried.setdefault(str(o.detail.get("name", FAULT)), []).append(o.outcome is Outcome.OK)
    missed = sum(worked.count(False) for worked in tried.values())
    findings.numbers["faults_missed"] = float(missed)
    findings.open += [
        f"no {name} of {len(worked)} was seen to work" for name, worked in tried.items() if not any(worked)
    ]
    if missed > _MOST_MISSED * sum(map(len, tried.values())):
        findings.open.append(f"{missed} faults were not seen to work: too many for a day of them")


def _weigh_messages(seen: Sequence[Observation], findings: Findings) -> int:
    books = ledger(only(seen, PUBLISH), only(seen, CONSUME))
    findings.numbers["messages"] = float(len(books.acknowledged))
    if not books.acknowledged:
        findings.open.append("no message was ever acknowledged")
    if not any(o.outcome is Outcome.OK for o in only(seen, DRAIN)):
        findings.open.append("the queue was not drained to its end")
        return 0
    _weigh_load(seen, PUBLISH, books, findings)
    readers = only(seen, "consumer")
    if not readers or any(o.outcome is not Outcome.OK for o in readers):
        findings.open.append("not every consumer ended well")
    if books.lost:
        findings.wrong.append(f"{len(books.lost)} acknowledged messages lost: {named(books.lost)}")
    if books.unexpected:
        findings.wrong.append(f"{len(books.unexpected)} messages that nobody published: {named(books.unexpected)}")
    return len(books.lost)


def _weigh_kept(
    seen: Sequence[Observation], kept: str, found: Sequence[Outage], findings: Findings, *, standing_in: bool
) -> int:
    """A loss on a stand-in says nothing of the documented product: it is told."""
    writes = only(seen, kept)
    last = next((o for o in reversed(only(seen, inventory_of(kept))) if o.outcome is Outcome.OK), None)
    if last is None or not writes:
        findings.open.append(f"what became of each {kept} was not seen")
        return 0
    books = balance(fates_of(writes), [*last.detail["whole"], *last.detail["broken"]])
    findings.numbers[_PLURAL[kept]] = float(len(books.acknowledged))
    _weigh_load(seen, kept, books, findings)
    gone = books.lost
    if kept == ENTRIES:
        gone = _beyond_bound(gone, writes, found)
    sentences = [f"{len(gone)} acknowledged {_PLURAL[kept]} lost: {named(gone)}"] if gone else []
    if last.detail["broken"]:
        sentences.append(
            f"{len(last.detail['broken'])} {_PLURAL[kept]} are only half there: {named(last.detail['broken'])}"
        )
    if books.unexpected:
        sentences.append(f"{len(books.unexpected)} {_PLURAL[kept]} that nobody wrote: {named(books.unexpected)}")
    (findings.told if standing_in else findings.wrong).extend(sentences)
    return 0 if standing_in else len(gone)


def _beyond_bound(lost: tuple[str, ...], writes: Sequence[Observation], found: Sequence[Outage]) -> tuple[str, ...]:
    """Those that were acknowledged longer before each death than a death may cost."""
    at_s = {str(o.detail["id"]): o.t_s for o in writes if o.outcome is Outcome.OK}
    return tuple(
        entry for entry in lost if not any(0 <= outage.from_s - at_s[entry] <= _CACHE_BOUND_S for outage in found)
    )


def _weigh_load(seen: Sequence[Observation], op: str, books: Ledger, findings: Findings) -> None:
    ends = [o for o in only(seen, "load") if o.detail.get("of") == op]
    if not any(o.outcome is Outcome.OK and o.detail.get("attempted") == len(books.attempted) for o in ends):
        findings.open.append(f"the load of {op} did not end well")


def _weigh_orders(seen: Sequence[Observation], findings: Findings) -> int:
    found = sales(seen)
    if isinstance(found, str):
        findings.open.append(found)
        return 0
    findings.numbers["orders"] = float(len(found.accepted))
    findings.wrong += faults_of(found, may_stay_reserved=found.unsure + sum(found.refused.values()))
    bought_s = [o.t_s for o in only(seen, CHECKOUT) if o.outcome is Outcome.OK]
    ended_s = [o.t_s for o in only(seen, GAME)]
    if not found.accepted:
        findings.open.append("no checkout was accepted")
    elif ended_s and ended_s[-1] - bought_s[-1] > _LONGEST_PAUSE_S:
        findings.open.append(f"nobody bought anything in the last {ended_s[-1] - bought_s[-1]:.0f} s")
    return sum(order not in found.states for order in found.accepted)


def _weigh_game(seen: Sequence[Observation], found: Sequence[Outage], findings: Findings) -> None:
    ends = [o for o in only(seen, GAME) if o.outcome is Outcome.OK]
    findings.numbers["minutes"] = float(ends[-1].detail["played"]) if ends else 0.0
    if not ends:
        findings.open.append("the game was not played to its end")
    kinds = {outage.name for outage in found}
    findings.numbers["kinds_of_fault"] = float(len(kinds))


def _tell_recovery(seen: Sequence[Observation], found: Sequence[Outage], findings: Findings) -> None:
    """The worst time without service around any fault, for each kind of operation; RPO is zero where nothing is lost.

    The baseline is the calm before the first fault: behind it there is none without a fault.
    """
    worst = (0.0, 0.0)
    for op in (PUBLISH, *KEPT, CHECKOUT):
        seen_of = course(only(seen, op), found[0].from_s) if found else None
        if seen_of is None:
            continue
        each = [seen_of.around(outage.from_s, outage.to_s) for outage in found]
        finite = [one for one in each if math.isfinite(one.rto_s)]
        if finite:
            longest = max(finite, key=lambda one: one.rto_s)
            findings.numbers.update(longest.numbers(op))
            worst = max(worst, (longest.rto_s, longest.resolution_s))
    findings.numbers["rto_ms"], findings.numbers["rto_resolution_ms"] = map(to_ms, worst)
    if not findings.wrong:
        findings.numbers["rpo_ms"] = 0.0
