"""A service killed again and again around its commits: what it accepted happened once all the same."""

from __future__ import annotations

from collections.abc import Callable

from sim.checks.sales import faults_of, sales, verdict_of
from sim.history import Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

KILL = "kill"
"""One kill: ``left`` events were committed and not yet published when it came."""


def judge_commit_kills(points: int) -> Callable[[Evidence], Verdict]:
    """``points`` kills must have fallen between a commit and its publication, or nothing was shown."""

    def judge(evidence: Evidence) -> Verdict:
        kills = [o for o in only(evidence.observations, KILL) if o.outcome is Outcome.OK]
        left = [int(o.detail["left"]) for o in kills]
        between = sum(count > 0 for count in left)
        found = sales(evidence.observations)
        if isinstance(found, str):
            return verdict_of((), (found,), "", {"kills": float(len(kills))})
        numbers = {
            "kills": float(len(kills)),
            "kills_between_commit_and_publish": float(between),
            "events_left_behind": float(sum(left)),
            **found.numbers(),
        }
        doubts = [
            f"only {between} of {len(kills)} kills fell between a commit and its publication, {points} are needed"
        ] * (between < points)
        doubts += ["nothing was accepted"] * (not found.accepted)
        holds = (
            f"{len(found.accepted)} checkouts accepted around {len(kills)} kills, {between} of them between commit and "
            "publication: each has one delivery and one movement of stock"
        )
        # Asked again after a restart, a checkout may find its basket empty; what it had reserved then expires.
        cut_short = found.unsure + sum(found.refused.values())
        return verdict_of(faults_of(found, may_stay_reserved=cut_short), doubts, holds, numbers)

    return judge
