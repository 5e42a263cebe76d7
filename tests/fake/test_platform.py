"""Every scenario of the services end to end on the modelled shop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest

from scenarios import contract, platform
from scenarios.platform.bad_messages import bad_messages
from scenarios.platform.commit_kills import orders_killed_at_commit
from scenarios.platform.last_items import last_items
from sim.history import Outcome
from sim.scenario import Scenario
from sim.topology.model import EnvironmentName
from sim.verdict import Status
from tests.fake.platform_rehearsal import Sabotage, Scene, left_orders
from tests.fake.platform_sabotages import ALSO, CONTRACT, PLATFORM

# Crowds and floods as they are, only smaller: a model is not under load.
_SMALLER = (last_items(30, 10), bad_messages(300), orders_killed_at_commit(4))
SCENARIOS: Mapping[str, Scenario] = {
    **{scenario.name: scenario for scenario in (*contract.SCENARIOS, *platform.SCENARIOS)},
    **{scenario.name: scenario for scenario in _SMALLER},
}
SABOTAGES: Mapping[str, Sabotage] = {**CONTRACT, **PLATFORM}
_PRODUCTION = ("platform/replicas",)
"""What only several replicas can get wrong."""

_every_scenario = pytest.mark.parametrize("name", tuple(SCENARIOS))


def _environment(name: str) -> EnvironmentName:
    return "production" if name in _PRODUCTION else "development"


def _spoiled(name: str, spoil: Sabotage) -> Scene:
    scene = Scene(SCENARIOS[name], _environment(name))
    spoil(scene.platform)
    return scene


@_every_scenario
def test_a_shop_that_keeps_its_contract_passes(name: str) -> None:
    """Every claim holds on a shop that is as agreed."""
    scene = Scene(SCENARIOS[name])
    result = scene.play()
    assert result.verdict is Status.PASS, (result.reason, result.evidence)
    assert left_orders(scene.platform) is scene.scenario.leaves_a_mark


@_every_scenario
def test_a_sabotaged_shop_fails(name: str) -> None:
    """Each scenario sees what was spoiled, and says so in evidence."""
    result = _spoiled(name, SABOTAGES[name]).play()
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.evidence


@pytest.mark.parametrize(("name", "spoil"), ALSO)
def test_further_sabotage_fails_as_well(name: str, spoil: Sabotage) -> None:
    """A scenario that claims several things sees each of them go wrong."""
    result = _spoiled(name, spoil).play()
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)


def test_no_scenario_is_without_a_sabotage() -> None:
    """A scenario that nothing was seen to fail would be taken on trust."""
    assert set(SABOTAGES) == set(SCENARIOS)


@_every_scenario
def test_an_empty_history_is_unknown(name: str) -> None:
    """Nothing observed proves nothing."""
    assert Scene(SCENARIOS[name]).judged(()).verdict is Status.UNKNOWN


@_every_scenario
def test_half_a_history_is_no_pass(name: str) -> None:
    """Cut short, what was seen must not pass for the whole."""
    scene = Scene(SCENARIOS[name])
    scene.play()
    seen = scene.observations
    assert scene.judged(seen[: len(seen) // 2]).verdict is not Status.PASS


@_every_scenario
def test_without_any_one_kind_of_observation_it_is_no_pass(name: str) -> None:
    """Each kind of observation is needed, but for what others tell as well."""
    scene = Scene(SCENARIOS[name])
    scene.play()
    # A journey draws names it may not need; a fault shows in its effects, except where only the fault itself tells.
    spared = {"names"} if name == "platform/service-trouble" else {"names", "fault"}
    for op in {o.op for o in scene.observations} - spared:
        rest = tuple(o for o in scene.observations if o.op != op)
        assert scene.judged(rest).verdict is not Status.PASS, op


@_every_scenario
def test_a_silent_gateway_is_no_pass(name: str) -> None:
    """With the gateway gone nothing holds."""
    scene = Scene(SCENARIOS[name])
    scene.platform.control.kill("api-gateway")
    assert scene.play().verdict is not Status.PASS


@pytest.mark.parametrize("name", tuple(n for n in SCENARIOS if n.startswith("platform/")))
def test_silence_is_never_a_pass(name: str) -> None:
    """Every answer turned to silence leaves the claim open, or breaks it."""
    scene = Scene(SCENARIOS[name])
    scene.play()
    silent = tuple(
        replace(o, outcome=Outcome.UNSURE, detail={**o.detail, "status": 0, "ok": 0, "message": "no answer"})
        for o in scene.observations
    )
    assert scene.judged(silent).verdict is not Status.PASS


@_every_scenario
def test_no_secret_is_written(name: str) -> None:
    """A history may be published: no password, token or key of the stack is in it."""
    scene = Scene(SCENARIOS[name])
    scene.play()
    written = "".join(o.to_json() for o in scene.observations)
    doorman = scene.platform.shop.doorman
    secrets = {*scene.platform.secrets.values(), *doorman.passwords.values(), *doorman.refreshes}
    assert not [value for value in secrets if value in written]
    assert "eyJ" not in written


@_every_scenario
def test_a_verdict_taken_again_from_the_file_is_the_same(name: str) -> None:
    """What is judged live is what is judged from its JSON, word for word."""
    scene = Scene(SCENARIOS[name])
    live = scene.play()
    again = tuple(replace(o, detail=json.loads(o.to_json())["detail"]) for o in scene.observations)
    judged = scene.judged(again)
    assert replace(judged, began_s=0, ended_s=0) == replace(live, began_s=0, ended_s=0)


@pytest.mark.parametrize("environment", get_args(EnvironmentName))
def test_replicas_share_the_work_in_every_environment(environment: EnvironmentName) -> None:
    """One replica, two or three: each does its share, and the number is on record."""
    result = Scene(SCENARIOS["platform/replicas"], environment).play()
    assert result.verdict is Status.PASS, result.reason
    assert result.numbers["replicas"] == {"development": 1, "staging": 2, "production": 3}[environment]


def test_kills_that_fell_beside_the_commits_prove_nothing() -> None:
    """A service that publishes within its commit leaves no gap to kill in: then the claim is open, and says why."""
    scene = Scene(SCENARIOS["platform/orders-killed-at-commit"])
    scene.play()
    tidy = tuple(replace(o, detail={**o.detail, "left": 0}) if o.op == "kill" else o for o in scene.observations)
    result = scene.judged(tidy)
    assert result.verdict is Status.UNKNOWN
    assert "between a commit and its publication" in result.reason


@pytest.mark.parametrize("name", ["platform/auth", "platform/shopping-journey"])
def test_a_part_of_the_platform_is_not_blamed_for_the_rest(name: str) -> None:
    """On a stack raised with ``--only`` what is not there is named, and nothing is held against what is."""
    scene = Scene(SCENARIOS[name], only=("auth", "gateway", "messages-broker"))
    result = scene.play()
    assert result.verdict is Status.UNKNOWN
    assert "contacts-service" in result.reason
