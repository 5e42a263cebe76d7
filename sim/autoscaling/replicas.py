"""How many replicas one resource calls for: pods times utilisation over target; with care for pods that are silent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.autoscaling.model import CPU, MetricUnavailable, Phase, Pod, Target, Timing, Usage


@dataclass(frozen=True, slots=True)
class Grouped:
    """Pods by what their metrics are worth. Failed and vanishing pods are in none of the groups."""

    ready: frozenset[str]
    unready: frozenset[str]
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """``percent`` is the average utilisation of the pods that count, in whole per cent, rounded down."""

    replicas: int
    percent: int


def group(pods: Sequence[Pod], usage: Mapping[str, Usage], resource: str, timing: Timing, now_s: float) -> Grouped:
    """Pending pods are unready; so are, for CPU, those that start: their usage is no sign of load."""
    ready, unready, missing = set(), set(), set()
    for pod in pods:
        if pod.deleting or pod.phase is Phase.FAILED:
            continue
        seen = usage.get(pod.name)
        if pod.phase is Phase.PENDING:
            unready.add(pod.name)
        elif seen is None:
            missing.add(pod.name)
        elif resource == CPU and _is_starting(pod, seen, timing, now_s):
            unready.add(pod.name)
        else:
            ready.add(pod.name)
    return Grouped(frozenset(ready), frozenset(unready), frozenset(missing))


def _is_starting(pod: Pod, seen: Usage, timing: Timing, now_s: float) -> bool:
    if pod.ready_changed_s is None or pod.started_s is None:
        return True
    if pod.started_s + timing.cpu_initialisation_s > now_s:
        # Unready, or not one whole window measured since it last changed.
        return not pod.ready or seen.at_s < pod.ready_changed_s + seen.window_s
    # Unready and never ready: its readiness changed once, at the start.
    return not pod.ready and pod.started_s + timing.initial_readiness_delay_s > pod.ready_changed_s


def propose(
    current: int, target: Target, pods: Sequence[Pod], usage: Mapping[str, Usage], *, timing: Timing, now_s: float
) -> Proposal:
    """Raises MetricUnavailable when nothing can be told of this resource."""
    if not usage:
        raise MetricUnavailable(f"no metrics for resource {target.resource}")
    if not pods:
        raise MetricUnavailable("no pods")
    grouped = group(pods, usage, target.resource, timing, now_s)
    requests = _requests(pods, target.resource)
    # Also metrics of pods no longer there: they count while their requests are known.
    ignored = grouped.unready | {p.name for p in pods if p.deleting or p.phase is Phase.FAILED}
    counted = {name: seen.milli for name, seen in usage.items() if name not in ignored}
    if not counted:
        raise MetricUnavailable("no metrics for any ready pod")
    ratio, percent = _ratio(counted, requests, target.percent)
    scale_up_held = bool(grouped.unready) and ratio > 1.0
    if not scale_up_held and not grouped.missing:
        within = abs(1.0 - ratio) <= timing.tolerance
        return Proposal(current if within else math.ceil(ratio * len(grouped.ready)), percent)
    assumed = _assumed(ratio, target, grouped, requests, scale_up_held=scale_up_held)
    counted |= assumed
    again, _ = _ratio(counted, requests, target.percent)
    replicas = math.ceil(again * len(counted))
    turned = (ratio < 1.0 < again) or (again < 1.0 < ratio)
    against = (again < 1.0 and replicas > current) or (again > 1.0 and replicas < current)
    keep = abs(1.0 - again) <= timing.tolerance or turned or against
    return Proposal(current if keep else replicas, percent)


def _assumed(
    ratio: float, target: Target, grouped: Grouped, requests: Mapping[str, int], *, scale_up_held: bool
) -> dict[str, int]:
    """What pods without a metric are taken to use: nothing against scaling up, all they may against scaling down."""
    assumed: dict[str, int] = {}
    if ratio < 1.0:
        assumed |= {name: requests[name] * max(100, target.percent) // 100 for name in grouped.missing}
    elif ratio > 1.0:
        assumed |= dict.fromkeys(grouped.missing, 0)
    if scale_up_held:
        assumed |= dict.fromkeys(grouped.unready, 0)
    return assumed


def _ratio(usage: Mapping[str, int], requests: Mapping[str, int], percent: int) -> tuple[float, int]:
    """Utilisation is cut to whole per cent before it is divided, as the controller does."""
    known = [name for name in usage if name in requests]
    requested = sum(requests[name] for name in known)
    if requested == 0:
        raise MetricUnavailable("no metrics returned matched known pods")
    utilisation = sum(usage[name] for name in known) * 100 // requested
    return utilisation / percent, utilisation


def _requests(pods: Sequence[Pod], resource: str) -> dict[str, int]:
    for pod in pods:
        if resource not in pod.requests_milli:
            raise MetricUnavailable(f"missing request for {resource} of pod {pod.name}")
    return {pod.name: pod.requests_milli[resource] for pod in pods}
