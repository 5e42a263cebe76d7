"""Whether one trace is found in the logs of everybody it must have passed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.checks.sales import verdict_of
from sim.history import Outcome, only
from sim.scenario import Evidence
from sim.verdict import Status, Verdict, worst

TRACE = "trace"
"""How many ``lines`` of a deployment's log carry the trace."""


@dataclass(frozen=True, slots=True)
class Traced:
    """``journey`` judges the steps; ``services`` (keys), and the gateway, must all have logged the trace."""

    journey: Callable[[Evidence], Verdict]
    services: tuple[str, ...]

    def __call__(self, evidence: Evidence) -> Verdict:
        topology = evidence.topology
        deployments = (topology.gateway.name, *(topology.services[key].name for key in self.services))
        looked = {o.target: o for o in only(evidence.observations, TRACE)}
        lines = {d: int(looked[d].detail["lines"]) for d in deployments if d in looked and "lines" in looked[d].detail}
        doubts = [
            f"{d}: its log was not read" for d in deployments if d not in lines or looked[d].outcome is not Outcome.OK
        ]
        faults = [f"{d}: no line of its log carries the checkout's trace" for d, found in lines.items() if not found]
        holds = f"one trace in the logs of all {len(deployments)}"
        traced = verdict_of(faults, doubts, holds, {"trace_lines": float(sum(lines.values()))})
        walked = self.journey(evidence)
        both = (walked, traced)
        status = worst(v.status for v in both)
        decisive = [v for v in both if v.status is status]
        reason = "; ".join(v.reason for v in (decisive if status is Status.PASS else decisive[:1]))
        return Verdict(status, reason, (*walked.evidence, *traced.evidence), {**walked.numbers, **traced.numbers})
