"""The model of the platform's capacity against the platform: costs read at low rates, the knee foretold, and found."""

from __future__ import annotations

from scenarios.throughput.climbed import take_over_steps
from scenarios.throughput.crowd import shoppers
from scenarios.throughput.knee import STANDARD, Ladder
from scenarios.throughput.metering import Meter, write_levels_of
from scenarios.throughput.readings import METERED, REST_S, rest
from sim.capacity.as_run import COST_SHARE, LIMITS
from sim.capacity.demands import MIX as VISITS
from sim.capacity.stations import MANY_THREADS, ONE_THREAD
from sim.checks.capacity_model import CLOCK, TOLERANCE, judge_capacity_model
from sim.history import Outcome
from sim.load.journeys import JOURNEYS, MIX
from sim.scenario import Scenario, Stage

_NAPS, _NAP_S = 40, 0.0005
_CALM_S = 4.0
_ONE_THREADED = frozenset({"gateway", "service", "redis"})


def capacity_model(ladder: Ladder = STANDARD) -> Scenario:
    def rehearse(stage: Stage) -> None:
        _record_clock(stage)
        _record_limits(stage)
        _record_visits(stage)
        seen = take_over_steps(stage)
        if seen:
            write_levels_of(stage, seen)
            stage.clock.sleep_s(_CALM_S)  # what the steps have left behind is no rest
            rest(stage)
            return
        rest(stage)
        with shoppers(stage, ladder.rates_per_s[-1]) as engine:
            ladder.climb(stage, engine, Meter(stage))

    return Scenario(
        name="throughput/capacity-model",
        leaves_a_mark=True,
        claim="The platform's knee is where its parts' measured costs say, within a quarter: nothing else holds it.",
        section="12",
        needs=("gateway", "service", "mysql", "rabbitmq"),
        rehearse=rehearse,
        judge=judge_capacity_model,
        essential=False,
        source="G. Bolch et al., Queueing Networks and Markov Chains; document, section 9 (alert above 1 s)",
        parameters={
            "cost_share": COST_SHARE,
            "rest_s": REST_S,
            "first_rate_per_s": ladder.rates_per_s[0],
            "last_rate_per_s": ladder.rates_per_s[-1],
            "step_s": ladder.step_s,
            "tolerance": TOLERANCE,
        },
    )


def _record_visits(stage: Stage) -> None:
    """A visit of the mix on average: its requests, and the pauses between them."""
    whole = sum(MIX.values())
    asks = {name: JOURNEYS[name].asks for name in MIX}
    stage.record(
        VISITS,
        "",
        Outcome.OK,
        requests=round(sum(MIX[n] * sum(not ask.uploads for ask in asks[n]) for n in MIX) / whole, 6),
        think_s=round(sum(MIX[n] * sum(ask.think_s for ask in asks[n]) for n in MIX) / whole, 6),
    )


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
