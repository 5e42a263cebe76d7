"""Verdicts on single servers under load at a fixed rate, in the terms of the tools their kind is measured by."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from sim.checks.findings import Findings
from sim.checks.gateway_load import promised
from sim.checks.load_history import CONTROL, KIND, MEASURED, WARM_UP, Load, loads
from sim.checks.objectives import weigh_load
from sim.checks.stall_control import weigh_stall
from sim.histogram import Latencies
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

ROWS = "rows"
"""How many rows a table has after the load, and how many it must have."""
PIPELINED = "pipelined"


def judge_mysql(evidence: Evidence) -> Verdict:
    """FAIL also when a transaction was half done: rows are missing, or there are too many."""
    findings = Findings()
    _weigh(evidence, (MEASURED,), findings)
    counted = next((o for o in only(evidence.observations, ROWS) if o.outcome is Outcome.OK), None)
    if counted is None:
        findings.open.append("the rows were not counted: nothing shows that every transaction was whole")
    elif counted.detail.get("rows") != counted.detail.get("wanted"):
        findings.wrong.append(f"{counted.detail.get('rows')} rows where {counted.detail.get('wanted')} must be")
    return findings.verdict(_holds("transactions"))


def judge_broker_delivery(evidence: Evidence) -> Verdict:
    """Latency is end to end: from when a message was due to be published to when its consumer had it."""
    findings = Findings()
    _weigh(evidence, (MEASURED,), findings)
    return findings.verdict(_holds("messages"))


def judge_object_store(evidence: Evidence) -> Verdict:
    """With warp's figures: operations a second in the median and in the slowest second, and each kind's latency."""
    findings = Findings()
    load = _weigh(evidence, (MEASURED,), findings)
    if load is not None and load.seconds:
        answered = [float(second.answered) for second in load.seconds]
        findings.numbers["median_second_per_s"] = statistics.median(answered)
        findings.numbers["slowest_second_per_s"] = min(answered)
    _tell_kinds(evidence.observations, findings)
    return findings.verdict(_holds("operations"))


def judge_redis(evidence: Evidence) -> Verdict:
    """Both ways must hold; numbers of the pipelined one are apart."""
    findings = Findings()
    _weigh(evidence, (MEASURED, PIPELINED), findings)
    return findings.verdict(_holds("round trips"))


def _weigh(evidence: Evidence, names: Sequence[str], findings: Findings) -> Load | None:
    """Segments of these names; the numbers of all but the first carry their segment's name."""
    seen = loads(evidence.observations)
    if WARM_UP not in seen:
        findings.open.append("no warm-up is on record: the start may be in the measured part")
    for name in names:
        load = seen.get(name)
        if load is None or not load.answered:
            findings.open.insert(0, f"nothing was measured ({name})")
            continue
        part = findings if name == names[0] else Findings()
        weigh_load(load, promised(evidence), part)
        if part is not findings:
            findings.wrong += [f"{name}: {line}" for line in part.wrong]
            findings.open += [f"{name}: {line}" for line in part.open]
            findings.told += [f"{name}: {line}" for line in part.told]
            findings.numbers |= {f"{name}_{key}": number for key, number in part.numbers.items()}
            findings.spoiled = findings.spoiled or part.spoiled
    control = seen.get(CONTROL)
    weigh_stall(evidence.observations, control.latencies.max_s if control is not None else 0.0, findings)
    return seen.get(names[0])


def _tell_kinds(observations: Sequence[Observation], findings: Findings) -> None:
    for o in only(observations, KIND):
        if o.detail.get("segment") == MEASURED:
            latencies = Latencies.decoded(str(o.detail["hdr"]))
            name = o.target.lower()
            findings.numbers[f"{name}_p50_ms"] = round(1000 * latencies.quantile_s(0.5), 3)
            findings.numbers[f"{name}_p99_ms"] = round(1000 * latencies.quantile_s(0.99), 3)


def _holds(what: str) -> Callable[[Mapping[str, float]], str]:
    def said(numbers: Mapping[str, float]) -> str:
        return (
            f"{numbers['achieved_per_s']:.1f} of {numbers['offered_per_s']:.1f} {what} a second, "
            f"{numbers['errors']:.0f} errors; 99 % within {numbers['p99_ms']:.1f} ms of when they were due"
        )

    return said
