"""Whether every documented replica of a service does its share."""

from __future__ import annotations

from collections import Counter

from sim.checks.sales import verdict_of
from sim.history import Outcome, only
from sim.scenario import Evidence
from sim.topology.names import pod_names
from sim.verdict import Verdict

SHARE = "share"
"""One answer: ``service`` (key) and the ``pod`` that gave it."""
_LEAST_SHARE = 0.25
"""Of an equal share: round robin gives one, chance somewhat less."""


def judge_replicas(evidence: Evidence) -> Verdict:
    topology = evidence.topology
    replicas = next(e.replicas for name, e in topology.environments.items() if name == evidence.environment)
    answers = only(evidence.observations, SHARE)
    faults: list[str] = []
    doubts: list[str] = []
    smallest = 1.0
    for key, service in topology.services.items():
        own = [o for o in answers if o.target == service.name]
        seen = Counter(str(o.detail.get("pod")) for o in own if o.outcome is Outcome.OK)
        asked = sum(seen.values())
        if not asked:
            doubts.append(f"{key}: nobody answered")
            continue
        doubts += [f"{key}: {len(own) - asked} of {len(own)} got no answer"] * (len(own) - asked > asked)
        if replicas == 1:
            continue
        pods = pod_names(service.name, replicas)
        for pod in pods:
            share = seen[pod] * replicas / asked
            smallest = min(smallest, share)
            if share < _LEAST_SHARE:
                faults.append(f"{pod} answered {seen[pod]} of {asked} requests to {replicas} replicas")
    numbers = {"services": float(len(topology.services)), "replicas": float(replicas), "smallest_share": smallest}
    holds = f"each of the {replicas} documented replicas of {len(topology.services)} services answered its share"
    return verdict_of(faults, doubts, holds, numbers)
