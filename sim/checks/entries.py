"""The verdict on entries written while their server died: every acknowledged one is there and whole, and no other.

Operations: ``write`` with an ``id``; ``unfinished`` for an entry begun and never finished (no commit, not all parts);
``inventory`` with everything found in the end, ``whole`` and ``broken``; ``fault``; ``load`` (how the writers ended).
The control writes ``control-write`` and ``control-inventory``; ``simulated`` says that the rig itself cut it short.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.checks.findings import Findings
from sim.checks.ledger import Ledger, balance, fates_of, named, rpo_s
from sim.checks.outages import FAULT, Outage, outages
from sim.checks.recovery import availability_percent, first_after_s, recovery, share_confirmed, to_ms
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

WRITE, UNFINISHED, INVENTORY = "write", "unfinished", "inventory"
CONTROL_WRITE, CONTROL_INVENTORY = "control-write", "control-inventory"
CONTROL_MARK = "(control)"
"""Ends the name of a fault that belongs to the control."""
RECOVERY_DEADLINE_S = 60.0
_STEADY_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Kept:
    """What is promised of ``what`` (``committed transactions``, ``objects``, ``cache entries``).

    ``within_s`` is how far back from the death acknowledged entries may be gone: 0 for none at all. ``unfinished``:
    some were under way when the server died, and none of them may show. ``control`` says what must have been lost.
    """

    what: str
    control: str
    within_s: float = 0.0
    unfinished: bool = False


def judge_entries(kept: Kept) -> Callable[[Evidence], Verdict]:
    """FAIL on a loss beyond the bound, a half or an uncommitted entry; UNKNOWN where the evidence has a hole."""

    def judge(evidence: Evidence) -> Verdict:
        # The control's own death is told, but it is not the one that is judged.
        seen = [o for o in evidence.observations if not _of_control(o)]
        findings = Findings()
        writes = only(seen, WRITE)
        there = _inventory(seen, INVENTORY)
        begun = {str(o.detail["id"]) for o in only(seen, UNFINISHED) if o.outcome is Outcome.OK}
        books = balance(fates_of(writes), (entry for entry in there.all if entry not in begun))
        findings.numbers.update(books.numbers())
        found = outages(seen, findings)
        fault_s = found[0].from_s if found else math.inf
        if not there.seen:
            findings.open.append("what is there in the end was not seen")
        else:
            _weigh_loss(kept, books, writes, fault_s, findings)
            if there.broken:
                findings.wrong.append(f"{len(there.broken)} {kept.what} are only half there: {named(there.broken)}")
            _weigh_unfinished(kept, begun, there, findings)
        _weigh_load(seen, books, findings)
        if found:
            _weigh_recovery(seen, writes, found, findings)
        _weigh_control(kept, seen, findings)
        return findings.verdict(
            lambda numbers: (
                f"{len(books.acknowledged)} of {len(books.attempted)} {kept.what} acknowledged, {len(books.lost)} "
                f"lost, none half there; away for {numbers.get('rto_ms', 0.0):.0f} ms by {found[0].name} of "
                f"{found[0].target}, back {numbers.get('after_heal_ms', 0.0):.0f} ms after it was started again"
            )
        )

    return judge


def _of_control(observation: Observation) -> bool:
    return observation.op == FAULT and str(observation.detail.get("name", "")).endswith(CONTROL_MARK)


@dataclass(frozen=True, slots=True)
class _Inventory:
    """Whole and broken entries, if anybody ``seen`` them; ``simulated`` when the rig cut it short."""

    seen: bool = False
    whole: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.whole, *self.broken)


def _inventory(seen: Sequence[Observation], op: str) -> _Inventory:
    last = next((o for o in reversed(only(seen, op)) if o.outcome is Outcome.OK), None)
    if last is None:
        return _Inventory()
    whole, broken = (tuple(map(str, last.detail[part])) for part in ("whole", "broken"))
    return _Inventory(seen=True, whole=whole, broken=broken, simulated=bool(last.detail.get("simulated")))


def _weigh_loss(kept: Kept, books: Ledger, writes: Sequence[Observation], fault_s: float, findings: Findings) -> None:
    back_s = rpo_s(books, writes, fault_s) if math.isfinite(fault_s) else 0.0
    findings.numbers["rpo_ms"] = round(back_s * 1000, 1)
    if not books.acknowledged:
        findings.open.append(f"no {kept.what} were ever acknowledged")
    if books.lost and not kept.within_s:
        findings.wrong.append(f"{len(books.lost)} acknowledged {kept.what} lost: {named(books.lost)}")
    elif books.lost and back_s > kept.within_s:
        findings.wrong.append(
            f"{kept.what} acknowledged {back_s:.2f} s before the death are gone, the bound is {kept.within_s:g} s: "
            f"{named(books.lost)}"
        )
    elif books.lost:
        findings.told.append(
            f"{len(books.lost)} {kept.what} of the last {back_s:.2f} s lost, within the bound of {kept.within_s:g} s"
        )
    if books.unexpected:
        findings.wrong.append(
            f"{len(books.unexpected)} {kept.what} are there that nobody wrote: {named(books.unexpected)}"
        )
    refused = tuple(entry for entry in books.recovered if entry not in set(books.indeterminate))
    if refused:
        findings.wrong.append(f"{len(refused)} {kept.what} are there that were refused: {named(refused)}")
    if books.recovered:
        findings.told.append(f"never acknowledged, yet there: {named(books.recovered)}")


def _weigh_unfinished(kept: Kept, begun: set[str], there: _Inventory, findings: Findings) -> None:
    findings.numbers["unfinished"] = float(len(begun))
    shown = tuple(entry for entry in there.all if entry in begun)
    if shown:
        findings.wrong.append(f"{len(shown)} {kept.what} are there that were never finished: {named(shown)}")
    if kept.unfinished and not begun:
        findings.open.append("nothing was under way when the server died")


def _weigh_load(seen: Sequence[Observation], books: Ledger, findings: Findings) -> None:
    ends = [o for o in only(seen, "load") if o.detail.get("of") == WRITE]
    if not any(o.outcome is Outcome.OK and o.detail.get("attempted") == len(books.attempted) for o in ends):
        said = next((str(o.detail["message"]) for o in ends if o.detail.get("message")), "nothing tells of their end")
        findings.open.append(f"the writers did not end well: {said}")


def _weigh_recovery(
    seen: Sequence[Observation], writes: Sequence[Observation], found: Sequence[Outage], findings: Findings
) -> None:
    from_s, to_s = found[0].from_s, max(o.to_s for o in found)
    confirmed_s = [o.t_s for o in writes if o.outcome is Outcome.OK]
    measured = recovery(writes, from_s, to_s)
    before = share_confirmed(o for o in writes if o.t_s < from_s)
    if measured is None or before < _STEADY_SHARE:
        findings.open.append("no steady state before the fault to compare with")
        return
    until_s = max(o.t_s for o in writes)
    rate = next((float(o.detail.get("rate_per_s", 0)) for o in only(seen, "load") if o.detail.get("of") == WRITE), 0.0)
    findings.numbers["baseline_gap_ms"] = to_ms(measured.baseline_s)
    if rate:
        findings.numbers["availability_percent"] = round(availability_percent(writes, from_s, until_s, rate), 2)
    after_s = first_after_s(confirmed_s, to_s)
    if after_s is not None:
        findings.numbers["after_heal_ms"] = to_ms(after_s)
    findings.numbers.update(measured.numbers())
    if math.isfinite(measured.outage_s):
        return
    if until_s - from_s >= RECOVERY_DEADLINE_S:
        findings.wrong.append(f"nothing was acknowledged again within {RECOVERY_DEADLINE_S:g} s")
    else:
        findings.open.append(f"nothing was acknowledged again, tried for {until_s - from_s:.1f} s only")


def _weigh_control(kept: Kept, seen: Sequence[Observation], findings: Findings) -> None:
    there = _inventory(seen, CONTROL_INVENTORY)
    books = balance(fates_of(only(seen, CONTROL_WRITE)), there.all)
    findings.numbers["control_acknowledged"] = float(len(books.acknowledged))
    findings.numbers["control_lost"] = float(len(books.lost))
    if not there.seen or not books.acknowledged:
        findings.open.append("the control was not carried through: nothing shows that the ledger can see loss")
    elif not books.lost:
        findings.open.append(f"the ledger cannot see loss: {kept.control}, and everything was there")
    else:
        how = " (this host loses nothing then: the rig cut the end off what was found)" if there.simulated else ""
        findings.told.append(
            f"control: {kept.control}, and the ledger saw {len(books.lost)} of {len(books.acknowledged)} lost{how}"
        )
