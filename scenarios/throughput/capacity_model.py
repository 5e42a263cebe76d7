"""The model of the platform's capacity against the platform: costs measured, knee foretold, then looked for."""

from __future__ import annotations

from scenarios.throughput.costs import BASE_S, MEASURED_S, METERED, RATE_PER_S, machine_busy_s, measure_costs, read
from scenarios.throughput.crowd import shoppers
from sim.capacity.as_run import LIMITS, model_of
from sim.capacity.stations import MANY_THREADS, ONE_THREAD
from sim.checks.capacity_model import CLOCK, STEP, TOLERANCE, holds, judge_capacity_model, knee_of
from sim.errors import RigError
from sim.history import Outcome, only
from sim.load.open_loop import Segment
from sim.load.shop_engine import ShopEngine
from sim.scenario import Scenario, Stage

STEP_S = 8.0
PAUSE_S = 1.0
FACTORS = (0.4, 0.65, 0.85, 1.0, 1.2, 1.5)
"""Of the knee foretold; the search ends with the first rate that is not carried, and one more in between."""
BISECTIONS = 1
_MOST_PER_S = 2000.0
_NAPS, _NAP_S = 40, 0.0005
_ONE_THREADED = frozenset({"gateway", "service", "redis"})


def rehearse(stage: Stage) -> None:
    _record_clock(stage)
    _record_limits(stage)
    measure_costs(stage)
    seen = stage.history.of(stage.scenario)
    _, network = model_of(seen)
    objectives = stage.topology.gateway.objectives
    foretold_per_s = min(_MOST_PER_S, network.knee_per_s(objectives.p99_s))
    if foretold_per_s <= 0:
        raise RigError("The costs measured give no knee to look for.", evidence=str(network.latency(0.0)))
    with shoppers(stage, FACTORS[-1] * foretold_per_s) as engine:
        engine.play(Segment("warm-up", FACTORS[0] * foretold_per_s, 2.0))
        for factor in FACTORS:
            if not _step(stage, engine, factor * foretold_per_s):
                break
        for _ in range(BISECTIONS):
            rate_per_s = _between(stage)
            if rate_per_s > 0:
                _step(stage, engine, rate_per_s)


def _step(stage: Stage, engine: ShopEngine, rate_per_s: float) -> bool:
    """Whether the rate was carried."""
    stage.clock.sleep_s(PAUSE_S)
    before = read(stage)
    report = engine.play(Segment(f"{rate_per_s:.1f}/s", rate_per_s, STEP_S))
    after = read(stage)
    busy_s = machine_busy_s(before, after)
    told = report.latencies
    stage.record(
        STEP,
        stage.servers.gateway().name,
        Outcome.OK,
        actor=engine.name,
        rate_per_s=round(report.due / STEP_S, 3),
        due=report.due,
        answered=told.count,
        errors=report.error_count,
        unsent=report.unsent + report.abandoned,
        mean_s=round(told.mean_s, 6) if told.count else 0.0,
        p50_s=round(told.quantile_s(0.5), 6) if told.count else 0.0,
        p99_s=round(told.quantile_s(0.99), 6) if told.count else 0.0,
        late_p99_s=round(report.late.quantile_s(0.99), 6) if report.late.count else 0.0,
        cpu_share=round(report.cpu_share, 4),
        duration_s=round(after.at_s - before.at_s, 6),
        containers_cpu_s=round(sum(u.cpu_s - before.usage[s].cpu_s for s, u in after.usage.items()), 6),
        generator_cpu_s=round(report.cpu_share * report.duration_s, 6),
        machine_cpu_s=None if busy_s is None else round(busy_s, 6),
    )
    objectives = stage.topology.gateway.objectives
    return holds(_steps(stage)[-1], objectives.p99_s, objectives.error_share)


def _steps(stage: Stage) -> list[dict[str, float]]:
    return [dict(o.detail) for o in only(stage.history.of(stage.scenario), STEP)]


def _between(stage: Stage) -> float:
    """The next rate to try: in the middle of what is open; 0 when there is nothing to look for."""
    objectives = stage.topology.gateway.objectives
    steps = _steps(stage)
    knee = knee_of(steps, objectives.p99_s, objectives.error_share)
    if knee is not None:
        return knee.rate_per_s
    broken = [s["rate_per_s"] for s in steps if not holds(s, objectives.p99_s, objectives.error_share)]
    return min(broken) / 3 if broken else 0.0


def _record_clock(stage: Stage) -> None:
    """How true short sleeps are: a rehearsal's clock that runs ahead of its machine measures the machine."""
    began_s = stage.clock.now_s()
    for _ in range(_NAPS):
        stage.clock.sleep_s(_NAP_S)
    took_s = stage.clock.now_s() - began_s
    stage.record(CLOCK, "", Outcome.OK, asked_s=_NAP_S, took_s=round(took_s / _NAPS, 6))


def _record_limits(stage: Stage) -> None:
    """What each container may use here: the plan's limits, where this stack applies them."""
    for app, server in {s.app: s for kind in METERED for s in stage.plan.of_kind(kind)}.items():
        pods = [s for s in stage.plan.servers if s.app == app]
        stage.record(
            LIMITS,
            app,
            Outcome.OK,
            deployment=app,
            pods=len(pods),
            threads=ONE_THREAD if server.kind in _ONE_THREADED else MANY_THREADS,
            limit_cores=stage.control.state(pods[0].name).cpu_limit_cores,
        )


CAPACITY_MODEL = Scenario(
    name="throughput/capacity-model",
    claim="The platform's knee is where its parts' measured costs say, within a quarter: nothing else holds it back.",
    section="12",
    needs=("gateway", "service", "mysql", "rabbitmq"),
    rehearse=rehearse,
    judge=judge_capacity_model,
    essential=False,
    source="G. Bolch et al., Queueing Networks and Markov Chains; document, section 9 (alert above 1 s)",
    parameters={
        "cost_rate_per_s": RATE_PER_S,
        "cost_s": MEASURED_S,
        "base_s": BASE_S,
        "step_s": STEP_S,
        "tolerance": TOLERANCE,
    },
)
