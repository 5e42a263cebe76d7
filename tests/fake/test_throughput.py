"""Every throughput scenario of the shop end to end on the modelled platform; each fails when it is sabotaged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from scenarios import throughput
from scenarios.throughput.broker_loss import broker_loss
from scenarios.throughput.capacity_model import capacity_model
from scenarios.throughput.knee import Ladder, knee
from sim.judging import judge
from sim.rehearsal import Rehearsal
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.scenario import Evidence, Scenario
from sim.verdict import Status
from tests.fake.platform_rehearsal import Scene, left_orders, topology
from tests.fake.throughput_sabotages import SABOTAGES

_ELSEWHERE = ("throughput/broker",)
# Steps as they are, only fewer: a model is not under load.
_LADDER = Ladder((10.0, 60.0, 300.0), 4.0)
_SMALLER = (knee(_LADDER), capacity_model(_LADDER), broker_loss(Ladder((10.0, 60.0), 4.0, 0)))
SCENARIOS: Mapping[str, Scenario] = {
    **{s.name: s for s in throughput.SCENARIOS if s.name not in _ELSEWHERE},
    **{s.name: s for s in _SMALLER},
}

_every_scenario = pytest.mark.parametrize("name", tuple(SCENARIOS))


@dataclass(slots=True)
class _Played:
    scenes: dict[str, Scene]

    def of(self, name: str) -> Scene:
        if name not in self.scenes:
            self.scenes[name] = Scene(SCENARIOS[name])
            self.scenes[name].play()
        return self.scenes[name]


@pytest.fixture(scope="module")
def played() -> _Played:
    """Each conformant rehearsal once."""
    return _Played({})


def test_no_scenario_is_without_a_sabotage() -> None:
    """A scenario that nothing was seen to fail would be taken on trust."""
    assert set(SABOTAGES) == set(SCENARIOS)


@_every_scenario
def test_a_conformant_platform_passes(name: str, played: _Played) -> None:
    """Every claim holds on a platform that is as agreed."""
    scene = played.of(name)
    result = scene.judged(scene.observations)
    assert result.verdict is Status.PASS, (result.reason, result.evidence)
    assert result.numbers
    assert left_orders(scene.platform) <= scene.scenario.leaves_a_mark


@_every_scenario
def test_a_sabotaged_platform_fails(name: str) -> None:
    """Each scenario sees what was spoiled, and says so in evidence."""
    scene = Scene(SCENARIOS[name])
    spoil: Callable[[FakePlatform], None] = SABOTAGES[name]
    spoil(scene.platform)
    result = scene.play()
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.evidence


@_every_scenario
def test_an_empty_history_is_unknown(name: str, played: _Played) -> None:
    """Nothing observed proves nothing."""
    assert played.of(name).judged(()).verdict is Status.UNKNOWN


@_every_scenario
def test_half_a_history_is_no_pass(name: str, played: _Played) -> None:
    """Cut short, what was seen must not pass for the whole."""
    scene = played.of(name)
    seen = scene.observations
    assert scene.judged(seen[: len(seen) // 2]).verdict is not Status.PASS


@_every_scenario
def test_without_any_one_kind_of_observation_it_is_no_pass(name: str, played: _Played) -> None:
    """Each kind of observation is needed; kinds of request, and what Prometheus says too, are for the reader."""
    scene = played.of(name)
    seen = scene.observations
    for op in {o.op for o in seen} - {"kind", "scraped"}:
        assert scene.judged(tuple(o for o in seen if o.op != op)).verdict is not Status.PASS, op


@_every_scenario
def test_a_starved_generator_is_never_a_pass(name: str, played: _Played) -> None:
    """Over 80 % of a core, or a thousandth unsent: what it saw may be itself."""
    scene = played.of(name)
    starved = tuple(
        replace(o, detail={**o.detail, "cpu_share": 0.9}) if o.op in {"segment", "step"} else o
        for o in scene.observations
    )
    result = scene.judged(starved)
    assert result.verdict is Status.UNKNOWN
    assert "generator saturated" in " ".join(result.evidence)


def test_a_ladder_is_climbed_once_a_run() -> None:
    """Who comes after the knee takes its steps over, and comes to the same verdict as by a ladder of its own."""
    first, *others = _SMALLER
    scene = Scene(first)
    Rehearsal(topology(), scene.platform, scene.clock, 1, scene.history, 0.0).play(_SMALLER, lambda *_: None)
    steps = [o for o in scene.history.of(first.name) if o.op == "segment" and o.detail["name"].startswith("step-")]
    for scenario in others:
        seen = scene.history.of(scenario.name)
        taken = [o for o in seen if o.op == "segment" and str(o.detail["name"]).startswith("step-")]
        assert [(o.t_s, o.detail) for o in taken] == [(o.t_s, o.detail) for o in steps], scenario.name
        result = judge(scenario, Evidence(seen, topology(), "development", fake_images(topology())))
        assert result.verdict is Status.PASS, (result.reason, result.evidence)
        assert any("knee_per_s" in name for name in result.numbers)


@_every_scenario
def test_a_verdict_taken_again_from_the_file_is_the_same(name: str, played: _Played) -> None:
    """What is judged live is what is judged from its JSON, word for word."""
    scene = played.of(name)
    again = tuple(replace(o, detail=json.loads(o.to_json())["detail"]) for o in scene.observations)
    live, judged = scene.judged(scene.observations), scene.judged(again)
    assert replace(judged, began_s=0, ended_s=0) == replace(live, began_s=0, ended_s=0)


@_every_scenario
def test_no_secret_is_written(name: str, played: _Played) -> None:
    """A history may be published: no password, token or key of the stack is in it."""
    scene = played.of(name)
    written = "".join(o.to_json() for o in scene.observations)
    doorman = scene.platform.shop.doorman
    secrets = {*scene.platform.secrets.values(), *doorman.passwords.values(), *doorman.refreshes}
    assert not [value for value in secrets if value in written]
    assert "eyJ" not in written
