"""Calibrations are read strictly, and made of a history or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim.capacity.calibration import default_calibration, parse_calibration, read_calibration
from sim.capacity.measured import BASE, COST, MACHINE, REST, VISIT, TooLittleError, calibration_of
from sim.errors import BadInput
from sim.history import Observation, Outcome
from tests.unit.capacity.costs_sample import calibration

_SAMPLE = calibration({"api-gateway": 0.002, "rabbitmq-cluster": 0.001})


def observations() -> tuple[Observation, ...]:
    """Two brokers that idle at 2 % of a core, a gateway at 1 %, and two kinds of visit."""

    def seen(op: str, target: str, **detail: Any) -> Observation:
        return Observation(1.0, "s", "rig", op, target, Outcome.OK, detail)

    servers = {"gw": ("api-gateway", 0.01), "mq-0": ("rabbitmq-cluster", 0.02), "mq-1": ("rabbitmq-cluster", 0.02)}
    rests = [
        seen(REST, n, deployment=d, cores=c, memory_bytes=2**20 * i) for i, (n, (d, c)) in enumerate(servers.items())
    ]
    costs = [
        seen(COST, name, visit=visit, deployment=deployment, cpu_s=1.0 * times + idle * 10, duration_s=10.0)
        for visit, times in (("browse", 1), ("checkout", 3))
        for name, (deployment, idle) in servers.items()
    ]
    visits = [
        seen(
            VISIT,
            visit,
            visit=visit,
            weight=weight,
            requests=requests,
            think_s=3.0,
            answered=100,
            generator_cpu_s=2.0 * times,
        )
        for visit, weight, requests, times in (("browse", 3.0, 5, 1), ("checkout", 1.0, 5, 3))
    ]
    latency = {"mean_s": 0.02, "p50_s": 0.01, "p95_s": 0.05, "p99_s": 0.08, "rate_per_s": 10.0}
    return (*rests, seen(MACHINE, "", cores=2, busy_cores=0.1), *costs, *visits, seen(BASE, "gw", **latency))


def test_costs_are_what_was_spent_less_what_idles_by_request() -> None:
    """A second of the gateway's over a hundred requests: 10 ms; of both brokers together 20; thrice on a checkout."""
    found = calibration_of(observations())
    assert found.visits["browse"].cpu_s == {"api-gateway": 0.01, "rabbitmq-cluster": 0.02}
    assert found.visits["checkout"].cpu_s["api-gateway"] == pytest.approx(0.03)
    assert found.visits["browse"].machine_cpu_s == pytest.approx(0.05)
    assert found.idle_cores == {"api-gateway": 0.01, "rabbitmq-cluster": 0.02}
    assert found.memory_bytes["rabbitmq-cluster"] == 2 * 2**20
    assert found.cpu_s()["api-gateway"] == pytest.approx(0.75 * 0.01 + 0.25 * 0.03)


@pytest.mark.parametrize("cpu_s", [0.0, 0.12])
def test_noise_counts_as_nothing(cpu_s: float) -> None:
    """A server that idled a little less than at rest, or a fifth more, costs nothing."""
    seen = observations()
    quiet = [replace(o, detail={**o.detail, "cpu_s": cpu_s}) if (o.op, o.target) == (COST, "gw") else o for o in seen]
    found = calibration_of(quiet)
    assert found.visits["browse"].cpu_s["api-gateway"] == 0.0
    assert found.visits["browse"].cpu_s["rabbitmq-cluster"] > 0


@pytest.mark.parametrize("op", [REST, COST, VISIT, MACHINE, BASE])
def test_without_any_kind_of_observation_there_is_no_calibration(op: str) -> None:
    """Nor with one that failed."""
    with pytest.raises(TooLittleError):
        calibration_of([o for o in observations() if o.op != op])
    with pytest.raises(TooLittleError):
        calibration_of([replace(o, outcome=Outcome.FAILED) if o.op == op else o for o in observations()])


def test_a_kept_calibration_is_read_back_the_same(tmp_path: Path) -> None:
    """By way of its file."""
    path = tmp_path / "costs.json"
    path.write_text(_SAMPLE.to_json(), encoding="utf-8")
    assert read_calibration(path) == _SAMPLE


def _set(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda document: {**document, **changes}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_set(schema=2), "schema"),
        (_set(visits={}), "no visits"),
        (_set(cores="two"), "cores"),
        (_set(visits={"a": {"weight": -1, "requests": 1, "think_s": 0, "sampled": 1, "cpu_s": {}}}), "weight"),
        (_set(visits={"a": {"weight": 1, "requests": 0, "think_s": 0, "sampled": 1, "cpu_s": {}}}), "requests"),
        (_set(visits={"a": {"weight": 1, "requests": 1, "think_s": 0, "sampled": 1, "cpu_s": {"x": -2}}}), "cpu_s"),
        (_set(visits={"a": {"weight": 1, "requests": 1, "think_s": 0, "sampled": 1, "cpu_s": {"x": 0}}}), "nothing"),
    ],
)
def test_what_is_no_calibration_is_refused(spoil: Callable[[dict[str, Any]], dict[str, Any]], said: str) -> None:
    """With the place, the problem and the next step."""
    text = json.dumps(spoil(json.loads(_SAMPLE.to_json())))
    with pytest.raises(BadInput, match=said) as refused:
        parse_calibration(text, "costs.json")
    assert "costs.json" in str(refused.value)
    assert "--calibrate" in refused.value.next_step


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}'])
def test_broken_files_are_refused(text: str) -> None:
    """Empty, cut short, something else."""
    with pytest.raises(BadInput, match="no calibration"):
        parse_calibration(text, "costs.json")


def test_sims_own_calibration_says_where_it_is_from() -> None:
    """Measured numbers with date, host and fidelity; every kind of visit of the mix in it."""
    own = default_calibration()
    assert own.measured_at
    assert own.host
    assert own.fidelity["service"] == "stand-in"
    assert {"browse", "checkout", "ticket"} <= set(own.visits)
    assert all(visit.sampled >= 50 for visit in own.visits.values())
    assert 0.001 < sum(own.cpu_s().values()) < 1
