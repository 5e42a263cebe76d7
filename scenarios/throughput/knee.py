"""The load is raised step by step until what users are promised breaks; each component is measured on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scenarios.throughput import scraping
from scenarios.throughput.crowd import shoppers
from scenarios.throughput.recording import record
from scenarios.throughput.sampling import Sampler
from sim.checks.knee import STEP, held, judge_knee
from sim.checks.load_history import WARM_UP, Load, loads
from sim.checks.objectives import Promise
from sim.load.cues import Cue
from sim.load.open_loop import Segment
from sim.load.samples import LoadReport
from sim.load.shop_engine import ShopEngine
from sim.scenario import Scenario, Stage

RATES_PER_S = (20.0, 40.0, 70.0, 110.0, 160.0, 220.0, 300.0, 400.0)
STEP_S = 7.0
WARM_UP_S = 3.0
RECOVERY_S = 3.0
REFINEMENTS = 1
WORTH_SHARE = 0.15
"""Of the knee: a gap to the broken step narrower than this is not worth another step."""


class Watch(Protocol):
    """Who looks on at a step: from before it, now and then, and after it."""

    def begin(self) -> None: ...
    def cues(self, duration_s: float, /) -> Sequence[Cue]: ...
    def write(self, report: LoadReport) -> None: ...


@dataclass(frozen=True, slots=True)
class Ladder:
    """``rates_per_s`` ascend; after the first that breaks come ``refinements`` steps between it and the last good."""

    rates_per_s: Sequence[float] = RATES_PER_S
    step_s: float = STEP_S
    refinements: int = REFINEMENTS

    def climb(self, stage: Stage, engine: ShopEngine, watch: Watch | None = None) -> float:
        """Drive it; the highest rate that held, 0.0 when none did."""
        first = self.rates_per_s[0]
        record(stage, engine.name, stage.servers.gateway().name, engine.play(Segment(WARM_UP, first, WARM_UP_S)))
        good = broken = 0.0
        for rate_per_s in self.rates_per_s:
            if not self._step(stage, engine, rate_per_s, watch):
                broken = rate_per_s
                break
            good = rate_per_s
        for _ in range(self.refinements if good and broken else 0):
            if broken - good < WORTH_SHARE * good:
                break
            # What has piled up must not weigh on the next step.
            stage.clock.sleep_s(RECOVERY_S)
            middle = round((good + broken) / 2, 1)
            if self._step(stage, engine, middle, watch):
                good = middle
            else:
                broken = middle
        return good

    def _step(self, stage: Stage, engine: ShopEngine, rate_per_s: float, watch: Watch | None) -> bool:
        name = f"{STEP}{rate_per_s:g}"
        segment = Segment(name, rate_per_s, self.step_s)
        if watch is not None:
            watch.begin()
        report = engine.play(segment, watch.cues(self.step_s) if watch is not None else ())
        if watch is not None:
            watch.write(report)
        record(stage, engine.name, stage.servers.gateway().name, report)
        seen = _step_of(stage, name)
        objectives = stage.topology.gateway.objectives
        return seen is not None and bool(held(seen, Promise(objectives.p99_s, objectives.error_share)))


def _step_of(stage: Stage, name: str) -> Load | None:
    """As the judge will read it."""
    return loads([o for o in stage.history.of(stage.scenario) if name in o.detail.values()]).get(name)


STANDARD = Ladder()


def knee(ladder: Ladder = STANDARD) -> Scenario:
    def rehearse(stage: Stage) -> None:
        with shoppers(stage, ladder.rates_per_s[-1]) as engine:
            before = scraping.totals(stage)
            ladder.climb(stage, engine, Sampler(stage))
            scraping.write(stage, before)

    return Scenario(
        name="throughput/knee",
        claim="Raised step by step, the load shows how much is carried as promised, and what keeps it from more.",
        section="9",
        needs=("gateway", "service", "rabbitmq", "prometheus"),
        leaves_a_mark=True,
        rehearse=rehearse,
        judge=judge_knee,
        essential=False,
        source="document, section 9 (alert above 1 s); USE method (B. Gregg): utilisation, saturation, errors",
        parameters={
            "first_rate_per_s": ladder.rates_per_s[0],
            "last_rate_per_s": ladder.rates_per_s[-1],
            "step_s": ladder.step_s,
        },
    )
