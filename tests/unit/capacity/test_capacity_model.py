"""The verdict on the model's knee, against histories that are spoiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sim.checks.capacity_model import CLOCK, judge_capacity_model
from sim.history import Observation
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict
from tests.unit.capacity.levels_sample import IDLE_CORES, REQUEST_CPU_S, at_rest, level, limits, seen
from tests.unit.load_histories import segment

_TOPOLOGY = load_topology()
_CEILING_PER_S = (2 - IDLE_CORES) / REQUEST_CPU_S


def _clock(took_s: float = 0.0006) -> Observation:
    return seen(CLOCK, "", asked_s=0.0005, took_s=took_s)


def _step(rate_per_s: int, *, breaks: bool = False, metered: dict[str, Any] | None = None, **changed: Any) -> list[Any]:
    name = f"step-{rate_per_s}"
    slow = {"slow": rate_per_s} if breaks else {}
    return [*segment(name, rate_per_s=rate_per_s, seconds=8, **slow, **changed), level(rate_per_s, **(metered or {}))]


def _judged(*steps: Sequence[Observation], base: Sequence[Observation] | None = None) -> Verdict:
    whole = (_clock(), *limits(), *(at_rest() if base is None else base), *(o for each in steps for o in each))
    return judge_capacity_model(Evidence(whole, _TOPOLOGY, "development", {}))


def _usual(**broken: Any) -> list[list[Any]]:
    return [_step(6), _step(12), _step(18), _step(24, breaks=True, **broken)]


def test_a_knee_where_the_costs_say_passes_with_its_numbers() -> None:
    """Carried at 18/s, broken at 24: 21 against 25 or so, read from 6 and 12."""
    verdict = _judged(*_usual())
    assert verdict.status is Status.PASS, verdict
    assert verdict.numbers["knee_per_s"] == pytest.approx((18 * 24) ** 0.5, abs=0.01)
    assert abs(verdict.numbers["model_error_percent"]) < 25
    assert verdict.numbers["predicted_ceiling_per_s"] == pytest.approx(_CEILING_PER_S, abs=0.1)
    assert verdict.numbers["cpu_error_percent"] == pytest.approx(0.0, abs=0.1)
    assert {"p99_ms_at_30", "p99_ms_at_60", "p99_ms_at_80", "p99_foretold_ms_at_80"} <= set(verdict.numbers)


def test_processor_time_that_grows_faster_than_foretold_is_told() -> None:
    """At 18/s a request cost a tenth more than at 6 and 12."""
    verdict = _judged(_step(6), _step(12), _step(18, metered={"dearer": 1.2}), _step(24, breaks=True))
    assert -12 < verdict.numbers["cpu_error_percent"] < -8


def test_a_platform_that_breaks_far_below_its_costs_fails() -> None:
    """Something sleeps, or locks: no processor is to blame."""
    verdict = _judged(_step(5), _step(8, breaks=True))
    assert verdict.status is Status.FAIL
    assert "other than processors" in verdict.reason


def test_a_model_that_is_too_dark_is_not_the_platforms_fault() -> None:
    """The knee far above what was foretold."""
    verdict = _judged(_step(12), _step(30), _step(60, breaks=True))
    assert verdict.status is Status.UNKNOWN
    assert "too dark" in verdict.reason


@pytest.mark.parametrize("spoilt", [{"cpu_share": 0.95}, {"unsent": 50}, {"late_p99_s": 0.4}])
def test_a_knee_that_may_be_the_generators_is_unknown(spoilt: dict[str, float]) -> None:
    """At the last rate that held, or the first that did not."""
    assert _judged(_step(6), _step(12), _step(18, **spoilt), _step(24, breaks=True)).status is Status.UNKNOWN
    assert _judged(*_usual(**spoilt)).status is Status.UNKNOWN


def test_what_others_had_of_the_machine_is_not_the_platforms() -> None:
    """Three quarters of a core less to share: the knee is where the costs say beside that, and would not be alone."""
    verdict = _judged(_step(6), _step(8), _step(13), _step(17, breaks=True, metered={"foreign_cores": 0.75}))
    assert verdict.status is Status.PASS, verdict
    assert verdict.numbers["foreign_cores"] == pytest.approx(0.75)
    assert verdict.numbers["predicted_knee_per_s"] < 17
    alone = _judged(_step(6), _step(8), _step(13), _step(17, breaks=True))
    assert alone.numbers["predicted_knee_per_s"] > 22


def test_a_machine_that_was_not_ours_makes_the_knee_unknown() -> None:
    """Most of it was others'; a machine that cannot be seen is not doubted."""
    busy = _judged(_step(4), _step(6), _step(9, breaks=True, metered={"foreign_cores": 1.3}))
    assert busy.status is Status.UNKNOWN
    assert "other work" in busy.reason
    unseen = [_step(rate, metered={"machine_cores": None}, breaks=rate == 24) for rate in (6, 12, 18, 24)]
    assert _judged(*unseen).status is Status.PASS


@pytest.mark.parametrize("steps", [(), (_step(12), _step(24))], ids=["none", "all carried"])
def test_a_knee_that_was_not_found_is_unknown(steps: tuple[list[Observation], ...]) -> None:
    """No rate tried, or none broken."""
    assert _judged(*steps).status is Status.UNKNOWN


def test_nothing_carried_fails_far_below_the_costs_alone() -> None:
    """At a rate the costs do not promise it leaves open whether a lower one would have been."""
    verdict = _judged(_step(4, breaks=True))
    assert verdict.status is Status.FAIL
    assert "not even 4.0" in verdict.reason
    assert _judged(_step(26, breaks=True)).status is Status.UNKNOWN


def test_a_coarse_clock_finds_no_knee() -> None:
    """Of a rehearsal sped up, or a machine that has no time: what it timed was itself."""
    whole = (_clock(0.002), *limits(), *at_rest(), *_step(5), *_step(8, breaks=True))
    verdict = judge_capacity_model(Evidence(whole, _TOPOLOGY, "development", {}))
    assert verdict.status is Status.UNKNOWN
    assert "too coarse" in verdict.reason


def test_no_history_is_unknown() -> None:
    """Nothing seen, nothing said."""
    assert judge_capacity_model(Evidence((), _TOPOLOGY, "development", {})).status is Status.UNKNOWN
    assert _judged(*_usual(), base=()).status is Status.UNKNOWN
