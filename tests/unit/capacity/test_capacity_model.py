"""The verdict on the model's knee, against histories that are spoiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sim.capacity.as_run import LIMITS, model_of
from sim.capacity.measured import MACHINE
from sim.checks.capacity_model import CLOCK, STEP, judge_capacity_model, knee_of
from sim.history import Observation, Outcome
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict
from tests.unit.capacity.test_calibration import observations

_TOPOLOGY = load_topology()
_MACHINE_S = 0.75 * 0.05 + 0.25 * 0.15
_CEILING_PER_S = (2 - 0.05) / _MACHINE_S


def _limits() -> tuple[Observation, ...]:
    kinds = (("api-gateway", 1), ("rabbitmq-cluster", 2))
    details = [{"deployment": name, "pods": pods, "threads": 64, "limit_cores": 0} for name, pods in kinds]
    return tuple(Observation(1.0, "s", "rig", LIMITS, str(d["deployment"]), Outcome.OK, d) for d in details)


def _clock(took_s: float) -> Observation:
    return Observation(0.0, "s", "rig", CLOCK, "", Outcome.OK, {"asked_s": 0.0005, "took_s": took_s})


def _step(rate_per_s: float, p99_s: float = 0.1, **more: Any) -> Observation:
    due = round(rate_per_s * 8)
    detail = {
        "rate_per_s": rate_per_s,
        "due": due,
        "answered": due,
        "errors": 0,
        "unsent": 0,
        "p99_s": p99_s,
        "late_p99_s": 0.001,
        "cpu_share": 0.3,
        "duration_s": 8.0,
        "containers_cpu_s": 8.0,
        "generator_cpu_s": 2.0,
        "machine_cpu_s": 10.0,
    }
    return Observation(2.0, "s", "locust", STEP, "gw", Outcome.OK, {**detail, **more})


def _judged(*steps: Observation, base: Sequence[Observation] | None = None) -> Verdict:
    seen = (_clock(0.0006), *_limits(), *(observations() if base is None else base), *steps)
    return judge_capacity_model(Evidence(seen, _TOPOLOGY, "development", {}))


def test_the_machine_is_what_saturates() -> None:
    """1.95 cores left, 75 ms a request, two brokers and a gateway with cores to spare."""
    _, network = model_of((*_limits(), *observations()))
    assert network.first_to_saturate() == ("the machine", pytest.approx(_CEILING_PER_S))


def test_a_knee_where_the_costs_say_passes_with_its_numbers() -> None:
    """Carried at 18/s, broken at 24: 21 against 22 or so."""
    verdict = _judged(_step(12), _step(18), _step(24, 3.0))
    assert verdict.status is Status.PASS
    assert verdict.numbers["knee_per_s"] == pytest.approx((18 * 24) ** 0.5, abs=0.01)
    assert abs(verdict.numbers["model_error_percent"]) < 25
    assert verdict.numbers["predicted_ceiling_per_s"] == pytest.approx(_CEILING_PER_S, abs=0.1)


def test_a_platform_that_breaks_far_below_its_costs_fails() -> None:
    """Something sleeps, or locks: no processor is to blame."""
    verdict = _judged(_step(3), _step(8, 2.0), _step(12, 4.0))
    assert verdict.status is Status.FAIL
    assert "other than processors" in verdict.reason


def test_a_model_that_is_too_dark_is_not_the_platforms_fault() -> None:
    """The knee far above what was foretold."""
    assert _judged(_step(20), _step(60), _step(80, 2.0)).status is Status.UNKNOWN


@pytest.mark.parametrize(
    "spoilt",
    [
        {"cpu_share": 0.95},
    ],
)
def test_a_knee_that_may_be_somebody_elses_is_unknown(spoilt: dict[str, float]) -> None:
    """A starved generator; requests unsent where all was well, not where the platform leaves them waiting."""
    assert _judged(_step(12), _step(18), _step(24, 3.0, **spoilt)).status is Status.UNKNOWN
    late = {"unsent": 50, "late_p99_s": 0.4}
    assert _judged(_step(12), _step(18, **late), _step(24, 3.0)).status is Status.UNKNOWN
    assert _judged(_step(12), _step(18), _step(24, 3.0, **late)).status is Status.PASS


def _at_rest(**machine: float) -> tuple[Observation, ...]:
    return tuple(replace(o, detail=machine) if o.op == MACHINE else o for o in observations())


def test_what_others_had_of_the_machine_is_not_the_platforms() -> None:
    """Three quarters of a core less to share: the knee is where the costs say beside that, and would not be alone."""
    busy = {"machine_cpu_s": 16.0}
    verdict = _judged(_step(10), _step(14), _step(18, 3.0, **busy))
    assert verdict.status is Status.PASS
    assert verdict.numbers["foreign_cores"] == pytest.approx(0.75)
    assert verdict.numbers["predicted_knee_per_s"] < 17
    assert _judged(_step(10), _step(14), _step(18, 3.0)).numbers["predicted_knee_per_s"] > 22


def test_a_machine_that_was_not_ours_makes_the_knee_unknown() -> None:
    """Most of it was others'; a machine that cannot be seen is not doubted."""
    busy = _judged(_step(4), _step(6), _step(9, 3.0, machine_cpu_s=20.5))
    assert busy.status is Status.UNKNOWN
    assert "other work" in busy.reason
    unseen = _judged(_step(12), _step(18), _step(24, 3.0, machine_cpu_s=None))
    assert unseen.status is Status.PASS


def test_an_engine_elsewhere_leaves_the_containers() -> None:
    """Its machine has no number of cores here: what the containers may use is all there is."""
    _, network = model_of((*_limits(), *_at_rest(cores=0)))
    assert "the machine" not in network.loads


@pytest.mark.parametrize(
    "steps", [(), (_step(12), _step(24)), (_step(24, 2.0), _step(30, 2.0))], ids=["none", "all carried", "none carried"]
)
def test_a_knee_that_was_not_found_is_unknown(steps: tuple[Observation, ...]) -> None:
    """No rate tried, none broken, none carried."""
    assert _judged(*steps).status is Status.UNKNOWN


def test_a_platform_that_carries_nothing_far_below_its_costs_fails() -> None:
    """Whatever the lowest rate was that it would have carried."""
    verdict = _judged(_step(4, 2.0), _step(12, 9.0))
    assert verdict.status is Status.FAIL
    assert "not even 4.0" in verdict.reason


def test_a_coarse_clock_finds_no_knee() -> None:
    """Of a rehearsal sped up, or a machine that has no time: what it timed was itself."""
    seen = (_clock(0.002), *_limits(), *observations(), _step(3), _step(8, 2.0))
    verdict = judge_capacity_model(Evidence(seen, _TOPOLOGY, "development", {}))
    assert verdict.status is Status.UNKNOWN
    assert "too coarse" in verdict.reason


def test_no_history_is_unknown() -> None:
    """Nothing seen, nothing said."""
    assert judge_capacity_model(Evidence((), _TOPOLOGY, "development", {})).status is Status.UNKNOWN
    assert _judged(_step(12), _step(24, 3.0), base=()).status is Status.UNKNOWN


def test_a_rate_carried_above_one_that_was_not_was_luck() -> None:
    """The knee is below the lowest that broke."""
    knee = knee_of([dict(s.detail) for s in (_step(10), _step(20, 2.0), _step(25), _step(30, 2.0))], 1.0, 0.01)
    assert knee is not None
    assert (knee.carried_per_s, knee.broken_per_s) == (10, 20)


@pytest.mark.parametrize("spoilt", [{"errors": 20}, {"answered": 100}, {"answered": 0}])
def test_errors_and_missing_answers_are_not_carried(spoilt: dict[str, int]) -> None:
    """However quick the rest."""
    assert knee_of([dict(_step(10).detail), dict(_step(20, **spoilt).detail)], 1.0, 0.01) is not None
