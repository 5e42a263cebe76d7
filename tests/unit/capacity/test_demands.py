"""Costs read from several rates: how they fall as the rate grows, what they come to, no costs without rates."""

from __future__ import annotations

import math

import pytest

from sim.capacity.as_run import THE_MACHINE, as_run, calibration_as_run
from sim.capacity.demands import TooLittleError, demands_of, levels_of
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


def _falling(rate_per_s: float, growth: float) -> Observation:
    """A level of a platform whose costs fall: what levels_sample has at 4/s, growing with a power of the rate."""
    share = (rate_per_s / 4) ** growth
    cores: dict[str, float] = {}
    for deployment, idle, cost in SERVERS.values():
        cores[deployment] = cores.get(deployment, 0.0) + idle + 4 * cost * share
    return level(rate_per_s, cores=cores, generator_cores=4 * GENERATOR_CPU_S * share)


@pytest.mark.parametrize("growth", [0.6, 0.75, 1.0, 1.2])
def test_costs_that_fall_or_rise_with_the_rate_are_found_with_their_exponent(growth: float) -> None:
    """And so is where the machine ends, far above the rates that were tried."""
    found = as_run((*at_rest(), *limits(), *(_falling(rate, growth) for rate in (4, 8, 12))))
    assert found.demands.growth == pytest.approx(growth)
    assert found.demands.per_s == 12
    assert found.demands.cpu_s["api-gateway"] == pytest.approx(0.015 * 3 ** (growth - 1))
    name, ceiling_per_s = found.network.first_to_saturate()
    assert name == THE_MACHINE
    assert ceiling_per_s == pytest.approx(4 * ((2 - IDLE_CORES) / (4 * REQUEST_CPU_S)) ** (1 / growth))
    assert found.cores_at(ceiling_per_s) == pytest.approx(2.0)
    assert found.cores_at(4, "api-gateway") == pytest.approx(0.01 + 4 * 0.015)
    assert found.network.latency(0.9 * ceiling_per_s).p99_s < found.network.latency(0.99 * ceiling_per_s).p99_s


def test_an_exponent_beyond_reason_is_a_neighbours() -> None:
    """A rate that cost hardly more than half of it, or ten times as much: something else was at work."""
    flat = (*at_rest(), *limits(), _falling(4, 0.1), _falling(8, 0.1))
    steep = (*at_rest(), *limits(), _falling(4, 3.0), _falling(8, 3.0))
    assert as_run(flat).demands.growth == pytest.approx(0.4)
    assert as_run(steep).demands.growth == pytest.approx(1.3)


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
    assert found.demands.growth == 1
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
    assert found.cpu_s["api-gateway"] == 0
    assert found.cpu_s["rabbitmq-cluster"] > 0


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
