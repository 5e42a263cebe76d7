"""What a rate takes, worked out by hand: pods by the document's table, ceilings, what saturates first, what is vain."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.capacity.findings import Finding, Kind, findings
from sim.capacity.forecast import Platform
from sim.capacity.stations import Station, deployments
from sim.topology.load import load_topology
from sim.topology.model import EnvironmentName
from tests.unit.capacity.costs_sample import calibration

_GATEWAY, _PRODUCTS, _DATABASE, _BROKER = (
    "api-gateway",
    "products-service",
    "products-service-mysql",
    "rabbitmq-cluster",
)
_COSTS = {_GATEWAY: 0.002, _PRODUCTS: 0.003, _DATABASE: 0.001, _BROKER: 0.001}
_BOUND_S = 1.0


@functools.cache
def _platform(
    environment: EnvironmentName = "production", costs: tuple[tuple[str, float], ...] = tuple(_COSTS.items())
) -> Platform:
    return Platform(deployments(load_topology(), environment), calibration(dict(costs)))


def _with(environment: EnvironmentName = "production", **costs: float) -> Platform:
    named = {_GATEWAY: "gateway", _PRODUCTS: "products", _DATABASE: "database", _BROKER: "broker"}
    return _platform(environment, tuple((name, costs.get(short, _COSTS[name])) for name, short in named.items()))


def _found(platform: Platform, rate_per_s: float) -> Mapping[Kind, Finding]:
    return {f.kind: f for f in findings(platform, platform.forecast(rate_per_s, _BOUND_S), _BOUND_S)}


def test_the_documents_deployments_are_the_stations() -> None:
    """Production: floors of the table, limits of the overlay; servers with their own, and nobody to scale them."""
    found = _platform().deployments
    assert len(found) == 14 + 11 + 3
    assert (found[_GATEWAY].pods, found[_GATEWAY].most_pods, found[_GATEWAY].pod_cores) == (3, 15, 0.5)
    assert (found["payments-service"].pods, found["payments-service"].most_pods) == (2, 8)
    assert (found[_DATABASE].pods, found[_DATABASE].most_pods, found[_DATABASE].pod_cores) == (1, 1, 0.5)
    assert (found[_BROKER].pods, found[_BROKER].pod_cores) == (3, 1.0)
    small = _with("development").deployments
    assert (small[_GATEWAY].pods, small[_GATEWAY].most_pods, small[_GATEWAY].pod_cores) == (1, 1, 0.1)


@pytest.mark.parametrize(
    ("cores", "pods", "places", "speed"), [(0.5, 3, 3, 0.5), (1.0, 3, 3, 1.0), (2.5, 1, 2, 1.25), (0.1, 1, 1, 0.1)]
)
def test_a_limit_makes_places_and_their_speed(cores: float, pods: int, places: int, speed: float) -> None:
    """Half a core is one place of half the speed; all places together are the cores there are."""
    station = Station.of(cores, pods)
    assert (station.places, station.speed) == (places, pytest.approx(speed))
    assert station.cores == pytest.approx(cores * pods)


def test_pods_are_what_the_autoscaler_settles_on() -> None:
    """400 requests/s keep 1.2 cores of products busy: four pods of half a core at 60 %, since three were at 80."""
    row = _platform().forecast(400, _BOUND_S).row(_PRODUCTS)
    assert (row.pods, row.busy_cores) == (4, pytest.approx(1.2))
    assert row.utilisation == pytest.approx(0.6)


def test_what_saturates_first_is_what_has_the_lowest_ceiling() -> None:
    """One database of half a core, a millisecond a request: 500 requests/s, whatever is scaled beside it."""
    forecast = _platform().forecast(1000, _BOUND_S)
    assert (forecast.bottleneck, forecast.ceiling_per_s) == (_DATABASE, pytest.approx(500))
    assert forecast.overrun == (_DATABASE,)
    assert math.isinf(forecast.latency.p99_s)
    assert 450 < forecast.sustained_per_s < 500


def test_a_cluster_is_the_sum_of_its_pods() -> None:
    """Every pod's request, those that nobody asks for anything included."""
    cluster = _platform().forecast(1, _BOUND_S).cluster
    services = 3 + 3 + 3 + 3 + 10 * 2
    assert cluster.pods == services + 11 + 3 + 1 + 1
    assert cluster.request_cores == pytest.approx(0.5 * services + 0.1 * 11 + 0.5 * 3 + 0.1 + 0.1)
    assert cluster.limit_cores == pytest.approx(0.5 * services + 0.5 * 11 + 1.0 * 3 + 0.2 + 0.2)


def test_a_maximum_beyond_the_bottleneck_is_unreachable() -> None:
    """At 500 requests/s products has five pods; twelve would take more than the database ever lets through."""
    found = _found(_platform(), 300)
    assert found[Kind.SINGLE].names == (_DATABASE,)
    assert found[Kind.UNREACHABLE].names == (_PRODUCTS,)
    assert "of at most 12 pods" in found[Kind.UNREACHABLE].text
    assert found[Kind.NEVER_ACTS].names == (_GATEWAY,)


def test_a_maximum_may_be_what_limits() -> None:
    """A gateway that costs 20 ms a request ends at 15 half cores."""
    found = _found(_with(gateway=0.02), 300)
    assert found[Kind.LIMITING].names == (_GATEWAY,)
    assert "375 requests/s with all its 15 pods" in found[Kind.LIMITING].text


def test_limits_that_slow_a_lone_request_are_named() -> None:
    """A tenth of a core makes ten times as long of all that an answer takes."""
    platform = _with("development", products=0.2)
    found = [f for f in findings(platform, platform.forecast(0.1, 0.5), 0.5) if f.kind is Kind.LIMIT]
    assert "500 ms are promised" in found[0].text


def test_what_is_not_asked_is_not_judged() -> None:
    """Services without traffic in the mix are listed as such, not as idle autoscalers."""
    found = _found(_platform(), 300)
    assert "payments-service" in found[Kind.NO_TRAFFIC].names
    assert _GATEWAY not in found[Kind.NO_TRAFFIC].names


def test_memory_that_no_load_explains_is_named() -> None:
    """Resident beyond the limit is killed; beyond what is aimed at, it scales to the maximum for nothing."""
    topology = load_topology()
    full = Platform(deployments(topology, "production"), calibration(_COSTS, memory_bytes=950 * 2**20))
    texts = [f.text for f in findings(full, full.forecast(10, _BOUND_S), _BOUND_S) if f.kind is Kind.MEMORY]
    assert any("it is killed" in text for text in texts)  # a MySQL of 512Mi
    assert any("scales to its maximum without load" in text for text in texts)
    assert full.forecast(10, _BOUND_S).row(_GATEWAY).pods == 15


def test_shoppers_and_rates_are_two_words_for_one_load() -> None:
    """Four requests and four seconds of thought a visit: one request every 1.02 s each."""
    platform = _platform()
    assert platform.rate_of(102) == pytest.approx(100)
    assert platform.users_of(100) == pytest.approx(102)


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 3000), st.floats(1.01, 3.0))
def test_more_load_never_takes_less(rate_per_s: float, times: float) -> None:
    """Of pods, of cores, of anything; and what saturates first does not depend on it."""
    platform = _platform()
    less, more = platform.forecast(rate_per_s, _BOUND_S), platform.forecast(rate_per_s * times, _BOUND_S)
    assert all(a.pods <= b.pods for a, b in zip(less.rows, more.rows, strict=True))
    assert less.cluster.request_cores <= more.cluster.request_cores
    assert less.bottleneck == more.bottleneck
    assert (more.latency.p99_s <= _BOUND_S) <= (rate_per_s * times <= more.ceiling_per_s)


@settings(max_examples=30, deadline=None)
@given(st.floats(1, 480))
def test_latency_rises_with_the_rate_of_the_same_pods(rate_per_s: float) -> None:
    """And stays above what was measured at a low rate."""
    network = _platform().at_most()
    assert network.base.p99_s <= network.latency(rate_per_s).p99_s <= network.latency(rate_per_s + 10).p99_s


def test_a_million_shoppers_are_answered_for_at_once() -> None:
    """Five orders of magnitude within a second of processor time."""
    began_s = time.process_time()
    for users in (100, 1_000, 10_000, 100_000, 1_000_000):
        platform = _with(database=0.0)
        findings(platform, platform.forecast(platform.rate_of(users), _BOUND_S), _BOUND_S)
    assert time.process_time() - began_s < 2
