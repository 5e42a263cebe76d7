"""A forecast in words and rows, for the terminal and as one JSON document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sim.capacity.calibration import Calibration
from sim.capacity.findings import Finding
from sim.capacity.forecast import Forecast, Row

_SHOWN_SHARE = 0.005
"""Deployments below it (and below their minimum of pods) need no line of their own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One deployment as it is shown."""

    name: str
    pods: str
    busy: str
    utilisation: str
    carries: str
    overrun: bool
    first: bool


def lines(forecast: Forecast) -> tuple[tuple[Line, ...], tuple[Row, ...]]:
    """Those with something to say, the busiest first; and those nobody asks for anything."""
    asked = [row for row in forecast.rows if row.cpu_s > 0]
    idle = tuple(row for row in forecast.rows if row.cpu_s <= 0)
    shown = sorted(asked, key=lambda row: row.ceiling_per_s)
    return tuple(_line(row, forecast) for row in shown), idle


def _line(row: Row, forecast: Forecast) -> Line:
    scaler = row.deployment.autoscaler
    bounds = f" of {scaler.min_replicas}-{scaler.max_replicas}" if scaler else ""
    return Line(
        name=row.deployment.name,
        pods=f"{row.pods}{bounds}",
        busy=f"{row.busy_cores:.2f}",
        utilisation=percent(row.utilisation),
        carries=rate(row.ceiling_per_s),
        overrun=row.utilisation >= 1,
        first=row.deployment.name == forecast.bottleneck,
    )


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 10 else f"{share:.0f} times"


def rate(per_s: float) -> str:
    return "any" if math.isinf(per_s) else f"{per_s:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if math.isfinite(seconds) else "without end"


def verdict(forecast: Forecast, p99_bound_s: float) -> str:
    """The answer in one sentence."""
    if forecast.overrun:
        most = min(forecast.sustained_per_s, forecast.ceiling_per_s)
        return (
            f"Not carried: {forecast.bottleneck} ends it at {rate(forecast.ceiling_per_s)}/s"
            f" ({rate(most)}/s within {milliseconds(p99_bound_s)})."
        )
    if forecast.latency.p99_s > p99_bound_s:
        took = milliseconds(forecast.latency.p99_s)
        return f"Carried, but too slowly: p99 {took}, promised {milliseconds(p99_bound_s)}."
    return f"Carried within {milliseconds(p99_bound_s)}; {rate(forecast.sustained_per_s)} requests/s would be, too."


def sources(calibration: Calibration) -> str:
    """Where the costs are from, how near to the document's images, and what is to be known of them."""
    fidelities = sorted(set(calibration.fidelity.values()))
    near = f"; {', '.join(fidelities)}" if fidelities else ""
    told = (f"Costs measured {calibration.measured_at[:10]} on {calibration.host}{near}.", *calibration.notes)
    return " ".join(told)


def document(
    forecast: Forecast,
    found: Sequence[Finding],
    calibration: Calibration,
    *,
    environment: str,
    p99_bound_s: float,
    users: float,
) -> dict[str, Any]:
    """As JSON values; what is endless is null."""
    latency = forecast.latency
    return {
        "environment": environment,
        "rate_per_s": round(forecast.rate_per_s, 3),
        "users": round(users),
        "carried": not forecast.overrun and latency.p99_s <= p99_bound_s,
        "latency": {f"{n}_ms": _finite(1000 * getattr(latency, f"{n}_s")) for n in ("mean", "p50", "p95", "p99")},
        "bottleneck": {"name": forecast.bottleneck, "ceiling_per_s": _finite(forecast.ceiling_per_s)},
        "sustained_per_s": _finite(forecast.sustained_per_s),
        "deployments": [_deployment(row) for row in forecast.rows],
        "cluster": {
            "pods": forecast.cluster.pods,
            "request_cores": round(forecast.cluster.request_cores, 3),
            "request_memory_bytes": forecast.cluster.request_memory_bytes,
            "limit_cores": round(forecast.cluster.limit_cores, 3),
            "limit_memory_bytes": forecast.cluster.limit_memory_bytes,
        },
        "findings": [{"kind": f.kind.value, "names": list(f.names), "text": f.text} for f in found],
        "calibration": {
            "measured_at": calibration.measured_at,
            "host": calibration.host,
            "environment": calibration.environment,
            "fidelity": dict(calibration.fidelity),
            "notes": list(calibration.notes),
        },
    }


def _deployment(row: Row) -> dict[str, Any]:
    scaler = row.deployment.autoscaler
    return {
        "name": row.deployment.name,
        "pods": row.pods,
        "min_pods": scaler.min_replicas if scaler else row.pods,
        "max_pods": row.deployment.most_pods,
        "cpu_ms_per_request": round(1000 * row.cpu_s, 6),
        "busy_cores": round(row.busy_cores, 4),
        "utilisation": round(row.utilisation, 4),
        "ceiling_per_s": _finite(row.ceiling_per_s),
    }


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
