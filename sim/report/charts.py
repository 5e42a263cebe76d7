"""Which pictures a scenario's observations make: chosen by what was observed, not by the scenario's name."""

from __future__ import annotations

from collections.abc import Sequence

from sim.history import Observation
from sim.report import foretold, latency, operations, replicas, walls
from sim.report.chart import Chart
from sim.report.load_charts import Promise, load_charts
from sim.report.matrix import isolation_matrix
from sim.report.operations import operations_timeline

_FEWEST_FOR_PERCENTILES = 20
_FEWEST_FOR_A_SERIES = 2


def charts(observations: Sequence[Observation], promise: Promise = Promise()) -> tuple[Chart, ...]:  # noqa: B008 - frozen
    """None of them when the scenario has no series or matrix to draw."""
    drawn = []
    if questions := walls.asked(observations):
        # As many as there are scenarios of isolation: those where all is as documented wait to be opened.
        differing = any(question.state in walls.DIFFERENCES for question in questions)
        title = "Who may do what, documented and observed"
        drawn.append(Chart(title, isolation_matrix(questions), walls.summary(questions), opens=differing))
    drawn += _timelines(observations)
    timed = latency.latencies(observations)
    if timed and len(timed.told_s) >= _FEWEST_FOR_PERCENTILES:
        legend = [("curve due", "from when it was due" if timed.from_due_s else "from when it was sent")]
        if timed.from_due_s:
            legend.append(("curve sent", "from when it was sent"))
        drawn.append(
            Chart(
                "Latency by percentile",
                latency.latency_percentiles(timed),
                latency.summary(timed),
                tuple(legend),
            )
        )
    if syncs := replicas.decisions(observations):
        legend = [("curve due", "wanted; below, used"), ("curve sent", "ready")]
        drawn.append(Chart("Replicas", replicas.replicas(syncs), replicas.summary(syncs), tuple(legend)))
    if (model := foretold.foretold(observations, promise.p99_s)) is not None:
        legend = [("curve sent", "foretold from the costs"), ("bound", "promised")]
        told = foretold.summary(model, promise.p99_s)
        drawn.append(
            Chart("The model and the platform", foretold.foretold_chart(model, promise.p99_s), told, tuple(legend))
        )
    return (*drawn, *load_charts(observations, promise))


def _timelines(observations: Sequence[Observation]) -> list[Chart]:
    """One for each kind of operation, the same faults across them all."""
    series = {op: operations.operations(observations, op) for op in operations.SERIES}
    drawn = []
    for op, seen in series.items():
        if seen is None or len(seen.done) < _FEWEST_FOR_A_SERIES:
            continue
        legend = [("op ok", "confirmed"), ("op unsure", "unsure"), ("op failed", "failed")]
        if seen.bands:
            legend += [("fault-band", "fault in force")]
        if seen.latencies:
            legend += [("slow", "slowest in the slice")]
        title = f"{operations.SERIES[op]} over time"
        drawn.append(Chart(title, operations_timeline(seen), operations.summary(seen), tuple(legend)))
    return drawn
