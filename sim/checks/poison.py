"""What became of messages nobody can process: tried as often as the queue allows, then set aside, and no other lost.

Operations: ``publish`` with an ``id``; ``delivery`` for each time a message reached the consumer, with what it ``did``
(``processed``, ``crashed``, ``nacked``); ``dead`` for each message found in the dead-letter queue; ``drain`` (OK when
both queues were emptied); ``version`` of the broker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from sim.checks.findings import Findings
from sim.checks.ledger import ledger, named
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

PUBLISH, DELIVERY, DEAD, DRAIN, VERSION = "publish", "delivery", "dead", "drain", "version"
PROCESSED, CRASHED, NACKED = "processed", "crashed", "nacked"
POISON_PREFIX = "poison"
_NACKS_NO_LONGER_COUNT = (4, 3)
"""From this release a message given back on purpose is not counted as a failed delivery (RabbitMQ 4.3 notes)."""


def is_poison(message: str) -> bool:
    return message.startswith(POISON_PREFIX)


def judge_poison(did: str, limit: int) -> Callable[[Evidence], Verdict]:
    """``did`` is what the consumer did with each poisonous message; ``limit`` the queue's delivery limit."""

    def judge(evidence: Evidence) -> Verdict:
        seen = evidence.observations
        findings = Findings()
        deliveries = only(seen, DELIVERY)
        dead = Counter(str(o.detail["id"]) for o in only(seen, DEAD))
        processed = [o for o in deliveries if o.detail.get("did") == PROCESSED]
        books = ledger(only(seen, PUBLISH), [*processed, *only(seen, DEAD)])
        findings.numbers.update(books.numbers())
        findings.numbers["rpo_ms"] = 0.0
        poison = tuple(m for m in books.acknowledged if is_poison(m))
        _weigh_evidence(seen, poison, findings)
        counted = did == CRASHED or _counts_nacks(seen, findings)
        tries = Counter(str(o.detail["id"]) for o in deliveries if o.detail.get("did") == did)
        for message in poison:
            if not counted:
                continue
            if tries[message] != limit + 1:
                findings.wrong.append(f"{message} was tried {tries[message]} times, the limit allows {limit + 1}")
            if dead[message] != 1:
                findings.wrong.append(f"{message} is {dead[message]} times among the dead letters")
        if drained(seen) and books.lost:
            findings.wrong.insert(0, f"{len(books.lost)} acknowledged messages lost: {named(books.lost)}")
        if aside := tuple(message for message in dead if not is_poison(message)):
            findings.wrong.append(f"{len(aside)} good messages were set aside: {named(aside)}")
        findings.numbers["tries_each"] = float(max(tries.values(), default=0))
        findings.numbers["dead_letters"] = float(sum(dead.values()))
        _tell_waiting(processed, findings)
        good = len(books.acknowledged) - len(poison)
        return findings.verdict(
            lambda _: f"{len(poison)} messages set aside after {limit + 1} tries each, {good} others processed"
        )

    return judge


def drained(seen: Sequence[Observation]) -> bool:
    ends = only(seen, DRAIN)
    return bool(ends) and all(o.outcome is Outcome.OK for o in ends)


def _weigh_evidence(seen: Sequence[Observation], poison: Sequence[str], findings: Findings) -> None:
    if not poison:
        findings.open.append("no poisonous message was acknowledged")
    if not only(seen, DELIVERY):
        findings.open.append("nothing was delivered")
    if not drained(seen):
        findings.open.append(
            "the queues were not drained to their end: what is missing cannot be told from what is late"
        )


def _counts_nacks(seen: Sequence[Observation], findings: Findings) -> bool:
    """Whether this release counts what is given back on purpose towards the limit."""
    said = next((str(o.detail.get("value", "")) for o in only(seen, VERSION) if o.outcome is Outcome.OK), "")
    parts = tuple(int(part) for part in said.split(".")[:2] if part.isdigit())
    if len(parts) < 2:
        findings.open.append("the broker's version was not seen, and what a nack counts for depends on it")
        return False
    if parts >= _NACKS_NO_LONGER_COUNT:
        findings.open.append(f"RabbitMQ {said} does not count a nack towards the limit: its loop has no end to see")
        return False
    return True


def _tell_waiting(processed: Sequence[Observation], findings: Findings) -> None:
    """How long good messages waited behind the poisonous ones: the longest gap between two that were processed."""
    times_s = sorted(o.t_s for o in processed)
    longest_s = max((b - a for a, b in pairwise(times_s)), default=0.0)
    findings.numbers["rto_ms"] = round(longest_s * 1000, 1)
