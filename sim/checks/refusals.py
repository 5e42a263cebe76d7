"""Too many requests, and a service that went silent: what the gateway must say of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sim.checks.journey import PROBLEM
from sim.history import Observation, only
from sim.scenario import Evidence
from sim.verdict import Status, Verdict, failed, unknown, worst

BURST, DARK = "burst", "dark"
_TOO_MANY, _NOT_NOW, _TOO_LATE = 429, 503, 504


@dataclass(frozen=True, slots=True)
class Refusals:
    """``journey`` judges the steps; beside them a burst must meet 429, and a silent service 504 and then 503."""

    journey: Callable[[Evidence], Verdict]

    def __call__(self, evidence: Evidence) -> Verdict:
        verdicts = [self.journey(evidence)]
        verdicts.append(_met(only(evidence.observations, BURST), (_TOO_MANY,), "a burst"))
        verdicts.append(_met(only(evidence.observations, DARK), (_TOO_LATE, _NOT_NOW), "a silent service"))
        status = worst(v.status for v in verdicts)
        decisive = [v for v in verdicts if v.status is status]
        reason = "; ".join(v.reason for v in (decisive if status is Status.PASS else decisive[:1]))
        numbers = {name: number for v in verdicts for name, number in v.numbers.items()}
        return Verdict(status, reason, tuple(line for v in verdicts for line in v.evidence), numbers)


def _met(answers: tuple[Observation, ...], wanted: tuple[int, ...], what: str) -> Verdict:
    """Every one of the statuses came, each as a problem that says when to come back (a time-out need not)."""
    seen = Counter(int(o.detail.get("status", 0)) for o in answers)
    label = what.rpartition(" ")[2]
    numbers = {f"{label}_answered_{status}": float(count) for status, count in sorted(seen.items())}
    missing = [status for status in wanted if not seen[status]]
    if not answers or seen[0]:
        return unknown(f"{what}: {seen[0] or 'all'} answers are missing", numbers=numbers)
    if missing:
        return failed(f"{what} was never answered {' or '.join(map(str, missing))}", f"{dict(seen)}", numbers=numbers)
    bad = [
        f"{what}: {o.detail['status']} is {o.detail.get('content_type') or 'nothing'} without a form or a time"
        for o in answers
        if int(o.detail["status"]) in wanted
        and (
            o.detail.get("content_type") != PROBLEM
            or (int(o.detail["status"]) != _TOO_LATE and not o.detail.get("retry_after"))
        )
    ]
    if bad:
        return failed(bad[0], *bad[:10], numbers=numbers)
    return Verdict(Status.PASS, f"{what} met {' and '.join(map(str, wanted))}", (f"{what}: {dict(seen)}",), numbers)
