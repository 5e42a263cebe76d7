"""The verdict on requests sent by a few connections, one after the other on each: how long they take, what they cost.

Operations: ``asked``, one a request (``phase``, ``route``, ``status``, ``latency_s``; ``neighbour`` for those to a
service that is there to be compared with); ``step``, one a phase
(``connections``, ``count``, ``duration_s`` and the ``cpu_share`` of one core that the rig itself used); ``metered``,
one a server (``kind``, ``app``, ``asked``: whether it is of a service that was asked, and ``cpu_s`` used meanwhile);
``stretch``, a few requests one after the other (``count``, ``cpu_s`` of who was asked, ``neighbour_cpu_s`` of the
gateway and the services that did not change): the median stretch is free of a health probe that came in between.

Closed loop: a slow answer delays the next request, so this says nothing of a crowd, and much of a build.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sim.checks.findings import Findings
from sim.checks.gateway_load import promised
from sim.checks.load_history import CPU_SHARE
from sim.checks.objectives import ALERT_S
from sim.comparison.metrics import NEIGHBOUR
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.statistics.percentiles import percentile
from sim.statistics.thresholds import weigh_percentile, weigh_share
from sim.verdict import Status, Verdict

ASKED = "asked"
STEP = "step"
METERED = "metered"
STRETCH = "stretch"
ALONE, TOGETHER = "alone", "together"
_SHARE = 0.95


def judge_requests(evidence: Evidence) -> Verdict:
    """FAIL when the documented alert would surely fire, or errors are too many; UNKNOWN where that was not measured."""
    findings = Findings()
    seen = evidence.observations
    everything, steps = only(seen, ASKED), {str(o.detail.get("name")): o for o in only(seen, STEP)}
    asked = [o for o in everything if not o.detail.get("neighbour")]
    beside = [o for o in everything if o.detail.get("neighbour") and o.outcome is Outcome.OK]
    if not asked:
        findings.open.append("nothing was asked")
    for name in (ALONE, TOGETHER):
        if name not in steps or not _of(asked, name):
            findings.open.append(f"nothing was measured ({name})")
        else:
            _weigh_rig(steps[name], findings)
    _weigh_errors(everything, promised(evidence).error_share, findings)
    _weigh_latency(asked, findings)
    _tell_rates(asked, findings)
    _tell_neighbour(beside, findings)
    _tell_costs(only(seen, METERED), len(asked), findings)
    _tell_stretches(only(seen, STRETCH), findings)
    return findings.verdict(
        lambda numbers: (
            f"{len(everything)} requests answered; half within {numbers['p50_ms']:.1f} ms, 95 % surely within "
            f"{numbers['p95_upper_ms']:.0f} ms; one costs {numbers['cpu_ms_per_request']:.2f} ms of CPU"
        )
    )


def _of(asked: Sequence[Observation], phase: str) -> list[Observation]:
    return [o for o in asked if o.detail.get("phase") == phase]


def _weigh_rig(step: Observation, findings: Findings) -> None:
    share = float(step.detail.get("cpu_share", 0.0))
    if share > CPU_SHARE:
        findings.spoiled = True
        findings.open.append(f"generator saturated: it used {100 * share:.0f} % of a core")


def _weigh_errors(asked: Sequence[Observation], allowed: float, findings: Findings) -> None:
    bad = [o for o in asked if o.outcome is not Outcome.OK]
    findings.numbers |= {"requests": float(len(asked)), "errors": float(len(bad))}
    if not asked:
        return
    weighed = weigh_share(len(bad), len(asked), allowed)
    said = f"{bad[0].detail.get('route')} answered {bad[0].detail.get('status') or 'nothing'}" if bad else ""
    if weighed.status is Status.FAIL:
        findings.wrong.append(
            f"{len(bad)} of {len(asked)} requests came to nothing, surely more than {100 * allowed:g} %: {said}"
        )
    elif weighed.status is Status.UNKNOWN:
        findings.open.append(
            f"inconclusive: {len(bad)} errors of {len(asked)}, {100 * allowed:g} % allowed{f': {said}' if said else ''}"
        )


def _weigh_latency(asked: Sequence[Observation], findings: Findings) -> None:
    """As the documented alert does, by the 95th percentile; the median is that of the undisturbed answers."""
    good = [o for o in asked if o.outcome is Outcome.OK]
    ordered = sorted(float(o.detail["latency_s"]) for o in good)
    weighed = weigh_percentile(ordered, _SHARE, ALERT_S)
    if weighed.bounded is None:
        findings.open.append("no request was well answered: there is no latency")
        return
    if weighed.bounded.upper is not None:
        findings.numbers["p95_upper_ms"] = _ms(weighed.bounded.upper)
    alone = sorted(float(o.detail["latency_s"]) for o in _of(good, ALONE))
    if alone:
        findings.numbers["p50_ms"] = _ms(percentile(alone, 0.5))
    limit = f"{1000 * ALERT_S:.0f} ms"
    if weighed.status is Status.FAIL:
        lower_ms = 1000 * (weighed.bounded.lower or 0.0)
        findings.wrong.append(f"the 95th percentile is above {limit}: at least {lower_ms:.0f} ms with 95 % confidence")
    elif weighed.status is Status.UNKNOWN:
        findings.open.append(f"inconclusive: the 95th percentile may be on either side of {limit}")


def _tell_rates(asked: Sequence[Observation], findings: Findings) -> None:
    rate_per_s = _rate_per_s(asked)
    if rate_per_s is not None:
        findings.numbers["achieved_per_s"] = rate_per_s
        findings.told.append(f"each of several connections at once is answered {rate_per_s:.1f} times a second")
    routes = sorted({str(o.detail.get("route")) for o in asked})
    if routes:
        findings.told.append(f"asked: {', '.join(routes)}")


def _rate_per_s(asked: Sequence[Observation]) -> float | None:
    """What a connection among several gets through, were it to ask nothing else; None without any."""
    taken_s = [float(o.detail["latency_s"]) for o in _of(asked, TOGETHER) if o.outcome is Outcome.OK]
    return round(len(taken_s) / sum(taken_s), 4) if sum(taken_s) > 0 else None


def _tell_neighbour(beside: Sequence[Observation], findings: Findings) -> None:
    """The same figures of who did not change: what the machine does to both is no matter of the build."""
    alone = sorted(float(o.detail["latency_s"]) for o in _of(beside, ALONE))
    rate_per_s = _rate_per_s(beside)
    if alone:
        findings.numbers[f"{NEIGHBOUR}p50_ms"] = _ms(percentile(alone, 0.5))
    if rate_per_s is not None:
        findings.numbers[f"{NEIGHBOUR}achieved_per_s"] = rate_per_s


def _tell_costs(metered: Sequence[Observation], count: int, findings: Findings) -> None:
    """Of who was not asked, by kind, for whoever wants it."""
    read = [o for o in metered if o.outcome is Outcome.OK]
    if not read or len(read) < len(metered) or not count:
        findings.open.append("what they cost was not measured")
        return
    kinds: dict[str, float] = {}
    for o in read:
        if not o.detail.get("asked"):
            kind = str(o.detail.get("kind")).replace("-", "_")
            kinds[kind] = kinds.get(kind, 0.0) + float(o.detail["cpu_s"])
    findings.numbers |= {f"{kind}_cpu_ms": _ms(seconds / count) for kind, seconds in sorted(kinds.items())}


def _tell_stretches(stretches: Sequence[Observation], findings: Findings) -> None:
    """The median stretch's cost of a request, and what the neighbours used meanwhile."""
    told = [o.detail for o in stretches if o.outcome is Outcome.OK and int(o.detail["count"]) > 0]
    if not told:
        findings.open.append("what a request costs was not measured")
        return
    cost_s = median(float(detail["cpu_s"]) / int(detail["count"]) for detail in told)
    beside_s = median(float(detail["neighbour_cpu_s"]) / int(detail["count"]) for detail in told)
    findings.numbers["cpu_ms_per_request"] = _ms(cost_s)
    if beside_s > 0:
        findings.numbers[f"{NEIGHBOUR}cpu_ms_per_request"] = _ms(beside_s)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 4)
