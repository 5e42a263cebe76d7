"""The pictures of a load: over time, by percentile, step by step, and what each component was at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.history import Observation
from sim.report import latency, load_cores, load_steps, load_timeline, loads, operations
from sim.report.chart import Chart

_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Promise:
    """What users are promised: drawn into the pictures as what must not be crossed."""

    p99_s: float = 1.0
    error_share: float = 0.01


def load_charts(observations: Sequence[Observation], promise: Promise) -> tuple[Chart, ...]:
    """None when there was no open-loop load."""
    seconds, segments = loads.seconds(observations), loads.segments(observations)
    if not seconds or not segments:
        return ()
    drawn: list[Chart] = []
    steps = loads.steps(segments)
    if len(steps) > 1:
        drawn.append(
            Chart(
                "Load step by step",
                load_steps.load_steps(steps, promise.p99_s, promise.error_share),
                load_steps.summary(steps, promise.p99_s, promise.error_share),
                (("curve due", "seen"), ("ideal", "all that was offered"), ("bound", "promised")),
            )
        )
    if uses := loads.uses(observations):
        drawn.append(
            Chart(
                "CPU by component and step",
                load_cores.load_cores(uses),
                load_cores.summary(uses),
                (("heat", "share of a core, or of the limit"), ("heat held", "▲ held back by its limit")),
            )
        )
    bands = operations.bands([o for o in observations if o.op == operations.FAULT], seconds[-1].t_s)
    legend = [
        ("op ok", "well answered"),
        ("op failed", "errors"),
        ("curve sent", "due"),
        ("curve due", "99th percentile"),
        ("curve median", "median"),
    ]
    if bands:
        legend.append(("fault-band", "fault in force"))
    drawn.append(
        Chart(
            "Load over time",
            load_timeline.load_timeline(seconds, bands, promise.p99_s),
            load_timeline.summary(seconds),
            tuple(legend),
        )
    )
    measured = loads.measured(segments)
    if measured is not None and measured.latencies.count >= _FEWEST:
        told = latency.Latencies((), tuple(measured.latencies.ordered_s()))
        drawn.append(
            Chart(
                "Latency by percentile",
                latency.latency_percentiles(told),
                latency.summary(told, "answered"),
                (("curve due", "from when it was due"),),
            )
        )
    return tuple(drawn)
