"""Costs read from several rates: slopes and fixed parts, nothing below nothing, no costs without rates."""

from __future__ import annotations

import math

import pytest

from sim.capacity.as_run import THE_MACHINE, as_run, calibration_as_run
from sim.capacity.demands import demands_of, fitted, levels_of
from sim.capacity.measured import TooLittleError
from tests.unit.capacity.levels_sample import IDLE_CORES, REQUEST_CPU_S, at_rest, level, limits, seen

_SEEN = (*at_rest(), *limits(), level(4), level(8), level(12))


def test_a_line_through_several_rates_has_a_slope_and_a_fixed_part() -> None:
    """0.1 cores whatever the rate, and 10 ms a request."""
    found = fitted([(rate, 0.1 + 0.01 * rate) for rate in (10.0, 20.0, 50.0)])
    assert (found.fixed_cores, found.cpu_s) == (pytest.approx(0.1), pytest.approx(0.01))
    assert found.cores(100) == pytest.approx(1.1)


def test_no_part_is_below_nothing() -> None:
    """What gets dearer with the rate has no negative idling, and what got cheaper no negative cost."""
    dearer = fitted([(10.0, 0.05), (20.0, 0.2)])
    assert dearer.fixed_cores == 0
    assert 0.05 / 10 < dearer.cpu_s < 0.2 / 20
    assert fitted([(10.0, 0.2), (20.0, 0.1)]).cpu_s == 0


@pytest.mark.parametrize("points", [[], [(10.0, 0.1)], [(10.0, 0.1), (10.0, 0.2)]])
def test_one_rate_gives_no_line(points: list[tuple[float, float]]) -> None:
    """Nor does none."""
    with pytest.raises(ValueError, match="two rates"):
        fitted(points)


def test_costs_are_read_below_half_of_the_rate_that_broke() -> None:
    """What comes above is foretold, however dear it turned out."""
    found = as_run((*_SEEN, level(20, dearer=3.0)), broken_per_s=24)
    assert [each.rate_per_s for each in found.costed] == [4, 8, 12]
    assert found.demands.whole.cpu_s == pytest.approx(REQUEST_CPU_S)
    assert found.demands.whole.fixed_cores == pytest.approx(IDLE_CORES)
    assert found.network.first_to_saturate() == (THE_MACHINE, pytest.approx((2 - IDLE_CORES) / REQUEST_CPU_S))


def test_with_one_rate_alone_the_rest_is_the_other() -> None:
    """A platform that broke at once still tells what it costs."""
    found = as_run((*at_rest(), *limits(), level(4)), broken_per_s=4)
    assert found.demands.whole.cpu_s == pytest.approx(REQUEST_CPU_S)


def test_what_others_have_of_the_machine_is_taken_off_it() -> None:
    """And an engine elsewhere, whose machine is not seen, has none to take off."""
    found = as_run(_SEEN, 24.0)
    assert found.beside(0.75).first_to_saturate()[1] == pytest.approx((1.25 - IDLE_CORES) / REQUEST_CPU_S)
    elsewhere = as_run((*at_rest(cores=0), *limits(), level(4), level(8)), 24.0)
    assert THE_MACHINE not in elsewhere.network.loads
    assert elsewhere.beside(0.75) is elsewhere.network


@pytest.mark.parametrize("missing", ["rest", "machine", "limits", "level"])
def test_what_is_missing_is_named(missing: str) -> None:
    """No cost is made up."""
    with pytest.raises(TooLittleError, match="not on record"):
        as_run([o for o in _SEEN if o.op != missing])
    with pytest.raises(TooLittleError, match="nothing was answered"):
        as_run((*at_rest(), *limits(), level(4, answered=0), level(8, answered=0)))


def test_a_level_that_is_none_is_refused() -> None:
    """By the error of what it lacks."""
    with pytest.raises(KeyError):
        levels_of((seen("level", "step-4", rate_per_s=4.0),))
    with pytest.raises(ValueError, match="no rate"):
        demands_of((), {})


def test_a_run_makes_a_calibration_of_one_visit() -> None:
    """What a request of the mix costs, and what idles, for forecasts of other sizes."""
    found = calibration_as_run(
        (*_SEEN, level(24)),
        measured_at="2026-11-03",
        host="2 cores",
        environment="development",
        fidelity={"service": "stand-in"},
    )
    assert found.cpu_s()["api-gateway"] == pytest.approx(0.015)
    assert found.cpu_s()["rabbitmq-cluster"] == pytest.approx(0.03)
    assert found.machine_cpu_s() == pytest.approx(REQUEST_CPU_S)
    assert found.idle_cores["rabbitmq-cluster"] == pytest.approx(0.02)
    assert found.requests_per_visit == pytest.approx(3.5)
    assert found.think_s_per_request == pytest.approx(4.0 / 3.5)
    assert math.isfinite(found.latency.p99_s)
    with pytest.raises(TooLittleError, match="visits"):
        calibration_as_run([o for o in _SEEN if o.op != "mix"], measured_at="", host="", environment="", fidelity={})
