"""What the numbers say of the document's table: maxima that cannot be reached, or help nobody, and limits too small."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from sim.capacity.forecast import Forecast, Platform

_HALVINGS = 40
_WORTH_SAYING = 1.0001


class Kind(StrEnum):
    UNREACHABLE = "unreachable maximum"
    NEVER_ACTS = "autoscaler never acts"
    LIMITING = "maximum too low"
    SINGLE = "cannot be scaled"
    LIMIT = "limit too small"
    MEMORY = "memory"
    NO_TRAFFIC = "no traffic in this mix"


@dataclass(frozen=True, slots=True)
class Finding:
    """``names`` share one sentence."""

    kind: Kind
    names: tuple[str, ...]
    text: str


def findings(platform: Platform, forecast: Forecast, p99_bound_s: float) -> tuple[Finding, ...]:
    """In the order a reader wants them: what stops the platform, what the table promises in vain, what is idle."""
    found = [
        *_stops(platform, forecast),
        *_limits(platform, forecast, p99_bound_s),
        *_maxima(platform, forecast),
        *_memory(platform),
    ]
    idle = tuple(r.deployment.name for r in forecast.rows if r.deployment.autoscaler and r.cpu_s <= 0)
    if idle:
        found.append(Finding(Kind.NO_TRAFFIC, idle, "not asked by the shoppers of the mix: nothing is known of that"))
    return tuple(found)


def _stops(platform: Platform, forecast: Forecast) -> list[Finding]:
    row = forecast.row(forecast.bottleneck)
    deployment, ceiling = row.deployment, forecast.ceiling_per_s
    if math.isinf(ceiling):
        return []
    if deployment.autoscaler:
        text = f"saturates first, at {ceiling:.0f} requests/s with all its {deployment.most_pods} pods"
        kind = Kind.LIMITING
    else:
        pods = "its one pod" if deployment.pods == 1 else f"its {deployment.pods} pods"
        text = f"saturates first, at {ceiling:.0f} requests/s: nothing scales {pods} of {deployment.pod_cores:g} cores"
        kind = Kind.SINGLE
    if forecast.rate_per_s * _WORTH_SAYING > ceiling:
        needed = platform.load(deployment.name, deployment.most_pods)
        cores = forecast.rate_per_s * needed.cpu_s + needed.idle_cores
        text += f"; {forecast.rate_per_s:.0f}/s need {cores:.1f} cores of it"
    return [Finding(kind, (deployment.name,), text)]


def _limits(platform: Platform, forecast: Forecast, p99_bound_s: float) -> list[Finding]:
    """Slow before anybody waits: a CPU limit below a core stretches the work of every single request."""
    alone = platform.at_most().latency(0.0)
    if alone.p99_s <= p99_bound_s:
        return []
    slow = sorted((r for r in forecast.rows if r.deployment.pod_cores < 1), key=lambda r: r.deployment.pod_cores)
    names = tuple(r.deployment.name for r in slow[:3])
    promised = f"{1000 * p99_bound_s:.0f} ms are promised"
    text = f"a lone request takes {1000 * alone.p99_s:.0f} ms (p99) under these CPU limits; {promised}"
    return [Finding(Kind.LIMIT, names, text)]


def _maxima(platform: Platform, forecast: Forecast) -> list[Finding]:
    """How many pods each autoscaler has at the rate the whole platform ends at."""
    ceiling = forecast.ceiling_per_s
    if math.isinf(ceiling):
        return []
    never: list[str] = []
    found = []
    for row in forecast.rows:
        deployment = row.deployment
        if deployment.autoscaler is None or row.cpu_s <= 0 or deployment.name == forecast.bottleneck:
            continue
        pods = platform.pods_at(deployment.name, ceiling)
        if pods <= deployment.autoscaler.min_replicas:
            never.append(deployment.name)
        elif pods < deployment.most_pods:
            reached = _rate_of_maximum(platform, deployment.name)
            text = (
                f"has {pods} of at most {deployment.most_pods} pods when {forecast.bottleneck} saturates;"
                f" the maximum would take {reached:.0f} requests/s"
            )
            found.append(Finding(Kind.UNREACHABLE, (deployment.name,), text))
    if never:
        theirs = "its maximum is" if len(never) == 1 else "their maxima are"
        text = f"still at the minimum when {forecast.bottleneck} saturates: {theirs} pointless"
        found.append(Finding(Kind.NEVER_ACTS, tuple(never), text))
    return found


def _rate_of_maximum(platform: Platform, name: str) -> float:
    """The lowest rate at which the autoscaler goes to its maximum."""
    most = platform.deployments[name].most_pods
    low, high = 0.0, 2 * platform.load(name, most).ceiling_per_s()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if platform.pods_at(name, middle) >= most else (middle, high)
    return high


def _memory(platform: Platform) -> list[Finding]:
    """Memory at rest above what the autoscaler aims at: it asks for pods that take as much each."""
    found = []
    for name, deployment in platform.deployments.items():
        used, limit = platform.calibration.memory_bytes.get(name, 0), deployment.limit_memory_bytes
        requested = deployment.request_memory_bytes
        if limit and used > limit:
            text = f"takes {used / 2**20:.0f} MiB at rest, {limit / 2**20:.0f} MiB are allowed: it is killed"
            found.append(Finding(Kind.MEMORY, (name,), text))
        elif requested and platform.pods_at(name, 0.0) > deployment.pods:
            text = f"uses {100 * used / requested:.0f} % of its memory at rest: it scales to its maximum without load"
            found.append(Finding(Kind.MEMORY, (name,), text))
    return found
