"""What a generator reports, as observations: a segment with its seconds and its kinds of request."""

from __future__ import annotations

from typing import Any

from sim.checks.load_history import INTERVAL, KIND, SEGMENT
from sim.history import Outcome
from sim.load.samples import INTERVAL_S, LoadReport
from sim.scenario import Stage


def record(stage: Stage, actor: str, target: str, report: LoadReport, **more: Any) -> None:
    """``actor`` is the generator's name, ``target`` who was asked."""
    for interval in report.intervals:
        stage.record_at(
            report.began_s + interval.at_s + INTERVAL_S,
            INTERVAL,
            target,
            Outcome.OK,
            actor=actor,
            segment=report.name,
            at_s=interval.at_s,
            due=interval.due,
            errors=interval.errors,
            answered=interval.answered,
            hdr=interval.latencies.encoded(),
        )
    ended_s = report.began_s + report.duration_s
    for kind in report.kinds:
        stage.record_at(
            ended_s,
            KIND,
            kind.name,
            Outcome.OK,
            actor=actor,
            segment=report.name,
            service=kind.service,
            count=kind.count,
            errors=kind.errors,
            hdr=kind.latencies.encoded(),
        )
    stage.record_at(
        ended_s,
        SEGMENT,
        target,
        Outcome.OK,
        actor=actor,
        name=report.name,
        engine=actor,
        workers=report.workers,
        rate_per_s=report.rate_per_s,
        duration_s=round(report.duration_s, 3),
        due=report.due,
        unsent=report.unsent,
        abandoned=report.abandoned,
        errors=dict(report.errors),
        cpu_share=round(report.cpu_share, 4),
        late_p99_s=round(report.late.quantile_s(0.99), 6),
        in_flight_max=report.in_flight_max,
        cut_short=report.cut_short,
        hdr=report.latencies.encoded(),
        **more,
    )
