"""After a drill: everything runs, the broker is one cluster, nothing is left of the rig's own, and no queue holds more.

Operation ``rest``, one for each thing looked at (``servers``, ``cluster``, ``queues``), with how long it ``took_s``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sim.history import Outcome, only
from sim.scenario import Evidence
from sim.verdict import Status, Verdict

REST = "rest"
SERVERS, CLUSTER, QUEUES = "servers", "cluster", "queues"


def at_rest(judge: Callable[[Evidence], Verdict]) -> Callable[[Evidence], Verdict]:
    """``judge``'s verdict, unless the platform did not come to rest (FAIL) or nobody saw whether it did (UNKNOWN)."""

    def judged(evidence: Evidence) -> Verdict:
        verdict = judge(evidence)
        seen = {o.target: o for o in only(evidence.observations, REST)}
        took_s = sum(float(o.detail.get("took_s", 0.0)) for o in seen.values())
        verdict = replace(verdict, numbers={**verdict.numbers, "rest_ms": round(took_s * 1000, 1)})
        restless = [
            f"{what} did not come to rest: {o.detail.get('message', '')}"
            for what, o in seen.items()
            if o.outcome is Outcome.FAILED
        ]
        unseen = [
            f"whether the {what} came to rest was not seen"
            for what in (SERVERS, CLUSTER, QUEUES)
            if what not in seen or seen[what].outcome is Outcome.UNSURE
        ]
        lines = (*restless, *unseen, *verdict.evidence)
        if restless and verdict.status is Status.PASS:
            return replace(verdict, status=Status.FAIL, reason=restless[0], evidence=lines)
        if unseen and verdict.status is Status.PASS:
            return replace(verdict, status=Status.UNKNOWN, reason=unseen[0], evidence=lines)
        return replace(verdict, evidence=lines) if restless or unseen else verdict

    return judged
