"""What became of every message: the total-queue check of Jepsen, pure.

Each message has a unique id. A publish came to OK (confirmed), FAILED (surely not taken) or UNSURE (no answer); at the
end the queue is drained. Source: ``jepsen.checker/total-queue``, jepsen-io/jepsen,
``jepsen/src/jepsen/checker.clj``: valid when nothing is lost and nothing unexpected; the rest is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sim.history import Observation, Outcome

_RANK = {Outcome.FAILED: 0, Outcome.UNSURE: 1, Outcome.OK: 2}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Ids by fate, each in order of first sight.

    ``lost``: acknowledged, never consumed. ``unexpected``: consumed, never attempted. ``duplicated``: consumed more
    than once. ``recovered``: not acknowledged, yet consumed. ``indeterminate``: neither confirmed nor refused, whatever
    became of it.
    """

    attempted: tuple[str, ...]
    acknowledged: tuple[str, ...]
    consumed: tuple[str, ...]
    lost: tuple[str, ...]
    unexpected: tuple[str, ...]
    duplicated: tuple[str, ...]
    recovered: tuple[str, ...]
    indeterminate: tuple[str, ...]

    def numbers(self) -> Mapping[str, float]:
        return {
            "attempted": float(len(self.attempted)),
            "acknowledged": float(len(self.acknowledged)),
            "lost": float(len(self.lost)),
            "unexpected": float(len(self.unexpected)),
            "duplicated": float(len(self.duplicated)),
            "recovered": float(len(self.recovered)),
            "indeterminate": float(len(self.indeterminate)),
        }


def fates_of(attempts: Iterable[Observation]) -> Mapping[str, Outcome]:
    """Id → the best that is known of it; each observation's ``detail`` carries the ``id``."""
    fates: dict[str, Outcome] = {}
    for attempt in attempts:
        thing = str(attempt.detail["id"])
        known = fates.get(thing)
        if known is None or _RANK[attempt.outcome] > _RANK[known]:
            fates[thing] = attempt.outcome
    return fates


def ledger(publishes: Iterable[Observation], consumes: Iterable[Observation]) -> Ledger:
    """Balance both sides; each observation's ``detail`` carries the message's ``id``."""
    return balance(fates_of(publishes), (str(consume.detail["id"]) for consume in consumes))


def balance(fates: Mapping[str, Outcome], found: Iterable[str]) -> Ledger:
    """What was tried against what was found, by id."""
    taken = Counter(found)
    acknowledged = tuple(message for message, fate in fates.items() if fate is Outcome.OK)
    return Ledger(
        attempted=tuple(fates),
        acknowledged=acknowledged,
        consumed=tuple(taken),
        lost=tuple(message for message in acknowledged if message not in taken),
        unexpected=tuple(message for message in taken if message not in fates),
        duplicated=tuple(message for message, times in taken.items() if times > 1),
        recovered=tuple(m for m in taken if m in fates and fates[m] is not Outcome.OK),
        indeterminate=tuple(message for message, fate in fates.items() if fate is Outcome.UNSURE),
    )


def rpo_s(books: Ledger, publishes: Iterable[Observation], fault_s: float) -> float:
    """How far back from the fault acknowledged things are gone: 0 when none is lost.

    RPO as "the point in time, prior to a disruption, to which data can be recovered", NIST SP 800-34 rev. 1, section
    3.2.1; of that this is the distance, as observed.
    """
    lost = set(books.lost)
    acknowledged_s = [o.t_s for o in publishes if o.outcome is Outcome.OK and str(o.detail["id"]) in lost]
    return max(0.0, fault_s - min(acknowledged_s, default=fault_s))


def out_of_order(publishes: Iterable[Observation], consumes: Iterable[Observation]) -> tuple[str, ...]:
    """Acknowledged messages that a consumer got, for the first time, after a later one of the same publisher.

    The order promised is that of one publishing and one consuming channel (RabbitMQ, "Consumers and ordering" in
    "Queues"): a redelivery, and another consumer or connection (``link``), have an order of their own. What tells of no
    connection, as the drain at the end, is left out.
    """
    due_s = {str(o.detail["id"]): float(o.detail["intended_s"]) for o in publishes if o.outcome is Outcome.OK}
    latest_s: dict[tuple[str, int], float] = {}
    late: dict[str, None] = {}
    met: set[str] = set()
    for o in consumes:
        message = str(o.detail["id"])
        link = o.detail.get("link")
        if link is None or o.detail.get("redelivered") or message not in due_s or message in met:
            continue
        met.add(message)
        line = (o.actor, int(link))
        if due_s[message] < latest_s.get(line, due_s[message]):
            late[message] = None
        else:
            latest_s[line] = due_s[message]
    return tuple(late)


def named(ids: tuple[str, ...], most: int = 10) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return f"{', '.join(ids[:most])}{more}"
