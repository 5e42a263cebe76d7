"""After a flood of malformed messages: each answered or set aside, queues empty, nobody restarted, the shop at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.checks.sales import verdict_of
from sim.history import Outcome, only
from sim.scenario import Evidence
from sim.topology.names import deployment_names, pod_names
from sim.verdict import Verdict

FLOOD, DRAINED, POD, WELL, REPLIES = "flood", "drained", "pod", "well", "replies"
DEAD, ANSWERED, PASSED_OVER = "to_die", "to_be_answered", "to_be_passed_over"
"""What a flood was owed, counted by its senders: dead letters, answers, and nothing (events of other services)."""
BEFORE, AFTER = "before", "after"


def judge_flood(messages: int) -> Callable[[Evidence], Verdict]:
    """``messages`` must have been put into the queues."""

    def judge(evidence: Evidence) -> Verdict:
        sent = sum(int(o.detail.get("ok", 0)) for o in only(evidence.observations, FLOOD))
        refused = sum(int(o.detail.get("failed", 0)) for o in only(evidence.observations, FLOOD))
        faults: list[str] = []
        doubts = [f"only {sent} of {messages} messages are known to be in a queue"] * (sent < messages)
        drained = only(evidence.observations, DRAINED)
        dead = sum(int(o.detail.get("dead", 0)) for o in drained)
        doubts += ["nobody looked whether the queues were worked off"] * (not drained)
        for seen in drained:
            left = int(seen.detail.get("messages", -1))
            if seen.outcome is not Outcome.OK or left < 0:
                doubts.append(f"{seen.target}: not seen: {seen.detail.get('message', 'there is no such queue')}")
            elif left:
                faults.append(f"{seen.target}: {left} messages were never worked off")
        replies = only(evidence.observations, REPLIES)
        answered = sum(int(o.detail.get("replies", 0)) for o in replies)
        doubts += ["nobody counted the answers"] * (not replies or any(o.outcome is not Outcome.OK for o in replies))
        owed = _owed(evidence)
        doubts += ["nobody said which messages were owed an answer"] * (not owed[DEAD] or not owed[ANSWERED])
        if drained and dead < owed[DEAD]:
            faults.append(f"{owed[DEAD] - dead} of {owed[DEAD]} that nobody can understand are no dead letters: lost")
        if replies and answered < owed[ANSWERED]:
            faults.append(f"{owed[ANSWERED] - answered} of {owed[ANSWERED]} requests were never answered")
        restarted, unseen = _restarts(evidence)
        faults += restarted
        doubts += unseen
        well = only(evidence.observations, WELL)
        doubts += ["nobody looked whether the shop still works"] * (not well)
        faults += [f"{o.target} did not answer any more" for o in well if o.outcome is not Outcome.OK]
        numbers = {
            "sent": float(sent),
            "refused_by_the_broker": float(refused),
            "dead_letters": float(dead),
            "answered": float(answered),
            "events_of_others": float(owed[PASSED_OVER]),
        }
        holds = (
            f"{sent} malformed messages: {dead} became dead letters, {answered} were answered, "
            f"{owed[PASSED_OVER]} were events for others"
        )
        return verdict_of(faults, doubts, holds, numbers)

    return judge


def _owed(evidence: Evidence) -> Mapping[str, int]:
    floods = only(evidence.observations, FLOOD)
    return {fate: sum(int(o.detail.get(fate, 0)) for o in floods) for fate in (DEAD, ANSWERED, PASSED_OVER)}


def _restarts(evidence: Evidence) -> tuple[list[str], list[str]]:
    """Pods that were not the same before and after, and pods nobody looked at."""
    replicas = next(e.replicas for name, e in evidence.topology.environments.items() if name == evidence.environment)
    seen: dict[str, dict[str, str]] = {}
    for o in only(evidence.observations, POD):
        if o.outcome is Outcome.OK:
            state = f"{o.detail.get('state')} since {o.detail.get('started_at')}"
            seen.setdefault(o.target, {})[str(o.detail.get("phase"))] = state
    pods = [pod for name in deployment_names(evidence.topology) for pod in pod_names(name, replicas)]
    unseen = [f"{pod}: not seen before and after" for pod in pods if len(seen.get(pod, {})) < 2]
    restarted = [
        f"{pod}: {phases[BEFORE]}, then {phases[AFTER]}"
        for pod, phases in seen.items()
        if len(phases) == 2 and phases[BEFORE] != phases[AFTER]
    ]
    return restarted, unseen
