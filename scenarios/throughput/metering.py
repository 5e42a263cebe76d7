"""What each step of load cost the platform: the meters of every server a request may touch, before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarios.throughput.readings import METERED, Reading, machine_busy_s, read
from sim.capacity.demands import LEVEL
from sim.checks.load_history import Load, loads
from sim.checks.saturation import CORES, HOST
from sim.histogram import Latencies
from sim.history import Observation, Outcome, only
from sim.load.cues import Cue
from sim.load.samples import LoadReport
from sim.scenario import Stage


@dataclass(slots=True)
class Meter:
    """:meth:`begin`, a step of load, :meth:`write`."""

    stage: Stage
    _before: Reading | None = None

    def begin(self) -> None:
        self._before = read(self.stage)

    def cues(self, _duration_s: float) -> Sequence[Cue]:
        return ()

    def write(self, report: LoadReport) -> None:
        before, after = self._before, read(self.stage)
        if before is None:
            return
        seconds = max(after.at_s - before.at_s, 1e-6)
        cores: dict[str, float] = {}
        for server, usage in after.usage.items():
            app = self.stage.plan.server(server).app
            cores[app] = cores.get(app, 0.0) + (usage.cpu_s - before.usage[server].cpu_s) / seconds
        busy_s = machine_busy_s(before, after)
        _write(
            self.stage,
            _Step(
                report.name,
                report.rate_per_s,
                report.latencies.count + report.error_count,
                report.error_count,
                report.cpu_share * report.workers * report.duration_s,
                report.latencies,
            ),
            (seconds, cores, None if busy_s is None else busy_s / seconds),
        )


def write_levels_of(stage: Stage, seen: Sequence[Observation]) -> None:
    """The same of steps that another scenario's sampler measured; a step it did not measure whole has no level."""
    kinds = set(METERED)
    segments = loads(seen)
    for host in only(seen, HOST):
        step = segments.get(str(host.detail["step"]))
        if step is None or host.outcome is not Outcome.OK:
            continue
        measured = [o for o in only(seen, CORES) if o.detail["step"] == step.name and o.detail["kind"] in kinds]
        if any(o.outcome is not Outcome.OK for o in measured):
            continue
        cores: dict[str, float] = {}
        for o in measured:
            app = str(o.detail["app"])
            cores[app] = cores.get(app, 0.0) + float(o.detail["cores"])
        busy = float(host.detail["busy_share"]) * int(host.detail["cpus"])
        _write(stage, _step_of(step), (float(host.detail["duration_s"]), cores, busy))


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    rate_per_s: float
    answered: int
    errors: int
    generator_cpu_s: float
    latencies: Latencies


def _step_of(step: Load) -> _Step:
    return _Step(
        step.name,
        step.rate_per_s,
        step.answered,
        step.error_count,
        step.cpu_share * step.workers * step.duration_s,
        step.latencies,
    )


def _write(stage: Stage, step: _Step, metered: tuple[float, Mapping[str, float], float | None]) -> None:
    """``metered``: over how many seconds, cores busy by deployment, and of the whole machine."""
    seconds, cores, machine_cores = metered
    told = step.latencies
    stage.record(
        LEVEL,
        step.name,
        Outcome.OK,
        rate_per_s=step.rate_per_s,
        duration_s=round(seconds, 6),
        answered=step.answered,
        errors=step.errors,
        cores={app: round(busy, 6) for app, busy in sorted(cores.items())},
        generator_cores=round(step.generator_cpu_s / seconds, 6),
        machine_cores=None if machine_cores is None else round(machine_cores, 6),
        mean_s=round(told.mean_s, 6) if told.count else 0.0,
        p50_s=_quantile_s(told, 0.5),
        p95_s=_quantile_s(told, 0.95),
        p99_s=_quantile_s(told, 0.99),
    )


def _quantile_s(latencies: Latencies, share: float) -> float:
    return round(latencies.quantile_s(share), 6) if latencies.count else 0.0
