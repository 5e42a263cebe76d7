"""Every failover scenario end to end on the modelled platform."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from scenarios.failover import SCENARIOS
from sim.scenario import Scenario
from sim.selection import lasting
from sim.verdict import Status
from tests.fake.drill_rehearsal import Drill, judged, rehearse
from tests.fake.failover_fault_sabotages import FAULTS, PREPARED
from tests.fake.failover_sabotages import FAILOVER
from tests.fake.platform_rehearsal import left_orders

_SHORT_GAME_MINUTES = 0.35
BY_NAME: Mapping[str, Scenario] = {
    scenario.name: lasting((scenario,), _SHORT_GAME_MINUTES)[0] if "minutes" in scenario.parameters else scenario
    for scenario in SCENARIOS
}

SABOTAGES = {**FAILOVER, **FAULTS}
_every_scenario = pytest.mark.parametrize("name", tuple(BY_NAME))


@functools.cache
def _played(name: str) -> Drill:
    return rehearse(BY_NAME[name], PREPARED.get(name))


def test_no_scenario_is_without_a_sabotage_or_a_source() -> None:
    """A scenario that nothing was seen to fail would be taken on trust; each says what it rests on."""
    assert set(SABOTAGES) == set(BY_NAME)
    assert len(BY_NAME) == len(SCENARIOS)
    assert all(s.source and s.claim.endswith(".") for s in SCENARIOS)


@_every_scenario
def test_a_conformant_platform_passes(name: str) -> None:
    """Nothing acknowledged is lost; how long it took, and how much, is in the record."""
    result = _played(name).result
    assert result.verdict is Status.PASS, (result.reason, result.evidence)
    assert left_orders(_played(name).platform) is BY_NAME[name].leaves_a_mark
    if _played(name).of("publish"):
        assert result.numbers["lost"] == 0
        assert result.numbers["rto_ms"] >= 0
        assert result.numbers["rpo_ms"] == 0


@_every_scenario
def test_a_sabotaged_platform_fails(name: str) -> None:
    """Each scenario sees what was spoiled, and says so in evidence."""
    result = rehearse(BY_NAME[name], SABOTAGES[name]).result
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.evidence


@_every_scenario
def test_without_any_one_kind_of_observation_it_is_no_pass(name: str) -> None:
    """Each kind of observation is needed for a pass, and none at all is UNKNOWN."""
    drill = _played(name)
    assert judged(drill.scenario, ()).verdict is Status.UNKNOWN
    # Of a control it only counts what is missing; who led matters where somebody had to be elected.
    spared = {"control-consume", *(() if "new_leader_seen_ms" in drill.result.numbers else ("leader",))}
    for op in {o.op for o in drill.observations} - spared:
        verdict = judged(drill.scenario, [o for o in drill.observations if o.op != op]).verdict
        assert verdict is not Status.PASS, op


@_every_scenario
def test_a_fault_without_effect_proves_nothing(name: str) -> None:
    """What survives a fault that never was has shown nothing."""
    drill = _played(name)
    if not drill.of("fault"):
        return
    idle = [
        replace(o, outcome=type(o.outcome).FAILED) if o.op == "fault" and o.detail["phase"] == "inject" else o
        for o in drill.observations
    ]
    assert judged(drill.scenario, idle).verdict is Status.UNKNOWN


@_every_scenario
def test_nothing_of_the_drill_is_left(name: str) -> None:
    """Every server runs, and no queue of the rig's own is there."""
    platform = _played(name).platform
    assert not [queue for queue in platform.broker.queues if queue.startswith("sim.")]
    assert {platform.control.state(spec.name).state for spec in platform.plan.servers} == {"running"}


@_every_scenario
def test_a_verdict_taken_again_from_the_file_is_the_same(name: str) -> None:
    """What is judged live is what is judged from its JSON, word for word."""
    drill = _played(name)
    again = tuple(replace(o, detail=json.loads(o.to_json())["detail"]) for o in drill.observations)
    assert replace(judged(drill.scenario, again), began_s=0, ended_s=0) == replace(drill.result, began_s=0, ended_s=0)
