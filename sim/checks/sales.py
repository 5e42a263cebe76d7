"""What was sold: each accepted checkout once, with one delivery and one movement of stock, and no more than there was.

Observations of a sale: ``checkout`` for each attempt, at the end one ``orders`` and one ``deliveries`` with everything
the shoppers see, and ``stock`` before and after with its movements. A checkout without an answer may have happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Status, Verdict

CHECKOUT, ORDERS, DELIVERIES, STOCK = "checkout", "orders", "deliveries", "stock"
BEFORE, AFTER = "before", "after"
SOLD, RETURNED = "sold", "returned"
CONFIRMED, CANCELLED = "confirmed", "cancelled"
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Sales:
    """Both sides of the ledger. ``deliveries`` and ``sold`` count by order, ``states`` are the orders' own."""

    accepted: tuple[str, ...]
    unsure: int
    refused: Mapping[int, int]
    states: Mapping[str, str]
    deliveries: Mapping[str, int]
    sold: Mapping[str, int]
    returned: Mapping[str, int]
    on_hand_before: int
    on_hand_after: int
    reserved_after: int

    @property
    def standing(self) -> tuple[str, ...]:
        """Orders that were not cancelled."""
        return tuple(order for order, state in self.states.items() if state != CANCELLED)

    def numbers(self) -> dict[str, float]:
        return {
            "accepted": float(len(self.accepted)),
            "refused": float(sum(self.refused.values())),
            "unsure": float(self.unsure),
            "orders": float(len(self.states)),
            "deliveries": float(sum(self.deliveries.values())),
            "sold": float(sum(self.sold.values())),
            "on_hand_before": float(self.on_hand_before),
            "on_hand_after": float(self.on_hand_after),
            "reserved_after": float(self.reserved_after),
        }


def sales(observations: Sequence[Observation]) -> Sales | str:
    """The ledger, or what of it was not seen."""
    checkouts = only(observations, CHECKOUT)
    stock = {str(o.detail.get("phase")): o for o in only(observations, STOCK) if o.outcome is Outcome.OK}
    listed = {op: only(observations, op) for op in (ORDERS, DELIVERIES)}
    if not checkouts:
        return "nobody checked out"
    for op, seen in listed.items():
        if not seen or any(o.outcome is not Outcome.OK for o in seen):
            return f"the {op} were not seen"
    if missing := [phase for phase in (BEFORE, AFTER) if phase not in stock]:
        return f"the stock was not seen {missing[0]}"
    moved = list(stock[AFTER].detail["movements"])
    return Sales(
        accepted=tuple(str(o.detail["order_id"]) for o in checkouts if o.outcome is Outcome.OK),
        unsure=sum(o.outcome is Outcome.UNSURE for o in checkouts),
        refused=Counter(int(o.detail["status"]) for o in checkouts if o.outcome is Outcome.FAILED),
        states={str(i["order_id"]): str(i["state"]) for o in listed[ORDERS] for i in o.detail["items"]},
        deliveries=Counter(str(i["order_id"]) for o in listed[DELIVERIES] for i in o.detail["items"]),
        sold=_by_order(moved, SOLD),
        returned=_by_order(moved, RETURNED),
        on_hand_before=int(stock[BEFORE].detail["on_hand"]),
        on_hand_after=int(stock[AFTER].detail["on_hand"]),
        reserved_after=int(stock[AFTER].detail["reserved"]),
    )


def _by_order(movements: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, int]:
    """How often, not how much: twice one is a fault where once two is none."""
    return Counter(str(m["reference"]) for m in movements if m["kind"] == kind)


def faults_of(found: Sales, *, may_stay_reserved: int = 0) -> list[str]:
    """Everything that is not exactly once.

    A checkout that was cut short leaves its reservation to expire: so many of them are no fault.
    """
    lines = [f"accepted, yet there is no such order: {o}" for o in found.accepted if o not in found.states]
    lines += [f"order {o} is {found.states[o]}, not confirmed" for o in found.standing if found.states[o] != CONFIRMED]
    lines += [
        f"order {o} has {found.deliveries.get(o, 0)} deliveries" for o in found.standing if found.deliveries.get(o) != 1
    ]
    lines += [f"order {o} moved stock {found.sold.get(o, 0)} times" for o in found.standing if found.sold.get(o) != 1]
    for order, state in found.states.items():
        sold, returned = found.sold.get(order, 0), found.returned.get(order, 0)
        if state == CANCELLED and (sold != returned or sold > 1):
            lines.append(f"order {order} was cancelled: its stock was sold {sold} and returned {returned} times")
    lines += [f"{what} of an order that does not exist: {o}" for what, o in _orphans(found)]
    extra = len(set(found.states) - set(found.accepted))
    if extra > found.unsure:
        lines.append(f"{extra} orders nobody was told of, and only {found.unsure} checkouts without an answer")
    twice = [order for order, times in Counter(found.accepted).items() if times > 1]
    lines += [f"order {o} was accepted for two checkouts" for o in twice]
    if found.reserved_after > may_stay_reserved:
        lines.append(f"{found.reserved_after} are still reserved, and {may_stay_reserved} checkouts were cut short")
    return lines


def _orphans(found: Sales) -> list[tuple[str, str]]:
    return [
        (what, order)
        for what, table in (("a delivery", found.deliveries), ("a sale", found.sold))
        for order in table
        if order not in found.states
    ]


def verdict_of(
    faults: Sequence[str], doubts: Sequence[str], holds: str, numbers: Mapping[str, float], *evidence: str
) -> Verdict:
    """FAIL for a fault, UNKNOWN for a doubt, else PASS."""
    lines = (*faults[:_MOST_NAMED], *doubts[:_MOST_NAMED], *evidence)
    if faults:
        return Verdict(Status.FAIL, _summed(faults), lines, numbers)
    if doubts:
        return Verdict(Status.UNKNOWN, _summed(doubts), lines, numbers)
    return Verdict(Status.PASS, holds, lines, numbers)


def _summed(lines: Sequence[str]) -> str:
    return f"{lines[0]}, and {len(lines) - 1} more" if len(lines) > 1 else lines[0]


def judge_last_items(attempts: int, items: int) -> Any:
    """``attempts`` checkouts at once of the last ``items``: so many sold, the rest refused with 409."""

    def judge(evidence: Evidence) -> Verdict:
        found = sales(evidence.observations)
        if isinstance(found, str):
            return verdict_of((), (found,), "", {})
        faults = faults_of(found)
        gone = found.on_hand_before - found.on_hand_after
        if gone > items or len(found.standing) > items:
            faults.insert(0, f"{max(gone, len(found.standing))} were sold of {items}")
        elif gone < items and not found.unsure:
            faults.insert(0, f"only {gone} of {items} were sold, and everybody else was refused")
        faults += [f"{count} were refused with {s}, not 409" for s, count in found.refused.items() if s != 409]
        tried = len(found.accepted) + found.unsure + sum(found.refused.values())
        doubts = [f"only {tried} of {attempts} checkouts were tried"] * (tried < attempts)
        doubts += [f"{found.unsure} checkouts got no clear answer"] * bool(found.unsure)
        doubts += [f"there were {found.on_hand_before} to sell, not {items}"] * (found.on_hand_before != items)
        holds = f"exactly {items} sold to {attempts} who wanted them at once, the others refused with 409"
        return verdict_of(faults, doubts, holds, found.numbers())

    return judge
