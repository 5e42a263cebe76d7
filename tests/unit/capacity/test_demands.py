"""Costs read from several rates: how they fall as the rate grows, what they come to, no costs without rates."""

from __future__ import annotations

import math

import pytest

from sim.capacity.as_run import MOST_UNEVEN, THE_MACHINE, as_run, calibration_as_run
from sim.capacity.demands import BEYOND, TooLittleError, demands_of, levels_of
from sim.history import Observation
from tests.unit.capacity.levels_sample import (
    GENERATOR_CPU_S,
    IDLE_CORES,
    REQUEST_CPU_S,
    SERVERS,
    at_rest,
    level,
    limits,
    seen,
)

_SEEN = (*at_rest(), *limits(), level(4), level(8), level(12))


def _falling(rate_per_s: float, sparing: float) -> Observation:
    """A level of a platform whose requests cost the less, the more there are."""
    each = rate_per_s / (1 + sparing * rate_per_s)
    cores: dict[str, float] = {}
    for deployment, idle, cost in SERVERS.values():
        cores[deployment] = cores.get(deployment, 0.0) + idle + each * cost
    return level(rate_per_s, cores=cores, generator_cores=each * GENERATOR_CPU_S)


@pytest.mark.parametrize("sparing", [0.0, 0.01, 0.015])
def test_costs_that_fall_with_the_rate_are_found_with_where_the_machine_ends(sparing: float) -> None:
    """Far above the rates that were tried."""
    found = as_run((*at_rest(), *limits(), *(_falling(rate, sparing) for rate in (5, 10, 20))))
    assert found.demands.sparing == pytest.approx(sparing, rel=0.02, abs=1e-6)
    assert found.demands.whole_cpu_s == pytest.approx(REQUEST_CPU_S, rel=0.02)
    name, ceiling_per_s = found.network.first_to_saturate()
    assert name == THE_MACHINE
    left = 2 - IDLE_CORES
    assert ceiling_per_s == pytest.approx(left / (REQUEST_CPU_S - left * sparing), rel=0.05)
    assert found.cores_at(ceiling_per_s) == pytest.approx(2.0)
    assert found.cores_at(10, "api-gateway") == pytest.approx(0.01 + 10 * 0.015 / (1 + 10 * sparing), rel=0.02)
    assert found.network.latency(0.9 * ceiling_per_s).p99_s < found.network.latency(0.99 * ceiling_per_s).p99_s


def test_costs_are_not_taken_to_fall_for_ever() -> None:
    """Beyond what was tried a CPU second answers half as many again as the most that was seen, and no more."""
    found = as_run((*at_rest(), *limits(), *(_falling(rate, 0.1) for rate in (4, 8, 12))))
    least_s = found.demands.cpu_s_at(12) / BEYOND
    assert found.demands.cpu_s_at(1e6) == pytest.approx(least_s)
    assert found.network.first_to_saturate()[1] == pytest.approx((2 - IDLE_CORES) / least_s)


def test_costs_that_rise_with_the_rate_are_a_neighbours() -> None:
    """Taken as the same at any rate."""
    dearer = as_run((*at_rest(), *limits(), level(4), level(8, dearer=2.0)))
    assert dearer.demands.sparing == 0


def test_waits_longer_than_even_work_has_them_are_read_from_the_highest_rate() -> None:
    """So many times longer above it, too; a stall is not taken for a rule."""
    even = as_run((*at_rest(), *limits(), level(8), level(16)))
    longer = as_run((*at_rest(), *limits(), level(8), level(16, p99_s=0.5)))
    stalled = as_run((*at_rest(), *limits(), level(8), level(16, p99_s=60.0)))
    assert even.network.unevenness == 1
    assert longer.network.latency(16).p99_s == pytest.approx(0.5, rel=0.01)
    assert longer.network.knee_per_s(1.0) < even.network.knee_per_s(1.0)
    assert stalled.network.unevenness == MOST_UNEVEN


def test_what_answers_cost_nothing_gives_no_costs() -> None:
    """Busy with less than at rest, or nothing answered."""
    idle = level(4, cores={"api-gateway": 0.01}, generator_cores=0.0)
    with pytest.raises(ValueError, match="cost nothing"):
        demands_of(levels_of((idle,)), {"api-gateway": 0.02})
    with pytest.raises(ValueError, match="nothing was answered"):
        demands_of((), {})


def test_costs_are_read_below_two_thirds_of_the_rate_that_broke() -> None:
    """What comes above is foretold, however dear it turned out."""
    found = as_run((*_SEEN, level(20, dearer=3.0)), broken_per_s=24)
    assert [each.rate_per_s for each in found.costed] == [4, 8, 12]
    assert found.demands.whole_cpu_s == pytest.approx(REQUEST_CPU_S)
    assert found.network.first_to_saturate() == (THE_MACHINE, pytest.approx((2 - IDLE_CORES) / REQUEST_CPU_S))


def test_with_one_rate_alone_a_request_costs_the_same_at_any() -> None:
    """A platform that broke at once still tells what it costs."""
    found = as_run((*at_rest(), *limits(), level(4)), broken_per_s=4)
    assert found.demands.sparing == 0
    assert found.demands.whole_cpu_s == pytest.approx(REQUEST_CPU_S)


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


def test_a_server_that_idles_unevenly_costs_nothing() -> None:
    """A fifth more than at rest is no request's doing; whoever has next to nothing at rest counts at once."""
    busy = {"api-gateway": 0.012, "rabbitmq-cluster": 0.2}
    found = demands_of(levels_of((level(4, cores=busy),)), {"api-gateway": 0.01, "rabbitmq-cluster": 0.04})
    assert found.shares["api-gateway"] == 0
    assert found.shares["rabbitmq-cluster"] > 0


def test_a_run_makes_a_calibration_of_one_visit() -> None:
    """What a request of the mix costs, and what idles, for forecasts of other sizes."""
    choking = level(24, answered=90, cores={"api-gateway": 9.0})
    found = calibration_as_run(
        (*_SEEN, choking),
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
