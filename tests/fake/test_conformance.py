"""Every conformance scenario end to end on the modelled platform."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from sim.history import Outcome
from sim.runtime.fake.platform import FakePlatform
from sim.verdict import Fidelity, Status
from tests.fake.conformance_rehearsal import BY_NAME, NAMES, Scene, with_image
from tests.fake.conformance_sabotages import SABOTAGES

_every_scenario = pytest.mark.parametrize("name", NAMES)


def test_the_group_proves_at_least_forty_facts_under_unique_names() -> None:
    """Sections 5 to 9 give at least forty facts, each a scenario of its own name, citing its section."""
    assert len(BY_NAME) == len(NAMES) >= 40
    assert {scenario.section for scenario in BY_NAME.values()} >= {"5", "6", "7", "8", "9"}
    assert all(name.startswith("conformance/") for name in NAMES)
    assert all(s.claim.endswith(".") and s.needs for s in BY_NAME.values())


@_every_scenario
def test_a_conformant_platform_passes(name: str) -> None:
    """Every fact holds on a platform that is as documented."""
    result = Scene(name).play()
    assert result.verdict is Status.PASS, (result.reason, result.evidence)


@_every_scenario
def test_a_sabotaged_platform_fails(name: str) -> None:
    """Each scenario sees the one thing that was spoiled, and says so in evidence."""
    scene = Scene(name)
    SABOTAGES[name](scene.platform)
    result = scene.play()
    assert result.verdict is Status.FAIL, (result.reason, result.evidence)
    assert result.evidence


def test_no_scenario_is_without_a_sabotage() -> None:
    """A scenario that nothing was seen to fail would be taken on trust."""
    assert set(SABOTAGES) == set(NAMES)


@_every_scenario
def test_an_empty_history_is_unknown(name: str) -> None:
    """Nothing observed proves nothing, asked of the scenario's own judge and of the engine above it."""
    scene = Scene(name)
    assert scene.judge(()).verdict is Status.UNKNOWN


@_every_scenario
def test_any_one_observation_missing_is_unknown_and_named(name: str) -> None:
    """A server that was not asked leaves the fact open, and the verdict names it."""
    scene = Scene(name)
    scene.play()
    for missing in scene.observations:
        result = scene.judge(tuple(o for o in scene.observations if o is not missing))
        assert result.verdict is Status.UNKNOWN, missing
        if len(scene.observations) > 1:
            assert missing.target in result.reason


@_every_scenario
def test_any_one_silent_server_is_no_pass(name: str) -> None:
    """A server that gave no answer leaves the fact open."""
    scene = Scene(name)
    scene.play()
    for silent in scene.observations:
        quiet = replace(silent, outcome=Outcome.UNSURE, detail={"message": "no answer"})
        result = scene.judge(tuple(quiet if o is silent else o for o in scene.observations))
        assert result.verdict is Status.UNKNOWN, silent


@_every_scenario
def test_nothing_passes_on_a_dead_platform(name: str) -> None:
    """With every server killed no claim holds, whatever the engine still knows of them."""
    scene = Scene(name)
    for spec in scene.platform.plan.servers:
        scene.platform.control.kill(spec.name)
    assert scene.play().verdict is not Status.PASS


@_every_scenario
def test_a_server_the_document_does_not_have_fails(name: str) -> None:
    """The tables are compared both ways: what is there but not documented breaks the fact."""
    scene = Scene(name)
    scene.play()
    foreign = replace(scene.observations[0], target="intruder")
    assert scene.judge((*scene.observations, foreign)).verdict is Status.FAIL


@_every_scenario
def test_no_trace_is_left_on_the_platform(name: str) -> None:
    """Queues, objects, keys, rows and accounts are as they were before."""
    scene = Scene(name)
    before = _state(scene.platform)
    scene.play()
    assert _state(scene.platform) == before


@_every_scenario
def test_no_secret_is_written(name: str) -> None:
    """A history may be published: no password, key or cookie of the stack is in it."""
    scene = Scene(name)
    scene.play()
    written = "".join(o.to_json() for o in scene.observations)
    assert not [key for key, value in scene.platform.secrets.items() if value in written]


@_every_scenario
def test_a_verdict_taken_again_from_the_file_is_the_same(name: str) -> None:
    """What is judged live is what is judged from its JSON, word for word."""
    scene = Scene(name)
    live = scene.play()
    again = tuple(replace(o, detail=json.loads(o.to_json())["detail"]) for o in scene.observations)
    assert scene.judge(again) == live


@pytest.mark.parametrize(
    ("name", "component", "version"),
    [
        ("conformance/databases-version", "mysql", "9.7.0"),
        ("conformance/databases-authentication-plugin", "mysql", "9.7.0"),
        ("conformance/broker-version", "rabbitmq", "4.0.5"),
        ("conformance/cache-version", "redis", "6.0.16"),
    ],
)
def test_another_version_cannot_show_the_documented_one(name: str, component: str, version: str) -> None:
    """It is UNKNOWN beyond these images, naming what ran, and neither PASS nor FAIL."""
    result = Scene(name, with_image(component, version=version, fidelity=Fidelity.SAME_SOFTWARE)).play()
    assert result.verdict is Status.UNKNOWN
    assert result.beyond_fidelity
    assert version in result.reason


def test_everything_else_passes_on_later_versions() -> None:
    """Only the claims about the version itself are out of reach of MySQL 9.7 and RabbitMQ 4.0."""
    images = {
        **with_image("mysql", version="9.7.0", fidelity=Fidelity.SAME_SOFTWARE),
        "rabbitmq": with_image("rabbitmq", version="4.0.5", fidelity=Fidelity.SAME_SOFTWARE)["rabbitmq"],
    }
    results = [Scene(name, images).play() for name in NAMES if BY_NAME[name].needs[0] in {"mysql", "rabbitmq"}]
    assert {r.name for r in results if r.verdict is not Status.PASS} == {
        "conformance/databases-version",
        "conformance/databases-authentication-plugin",
        "conformance/broker-version",
    }


def test_a_console_cannot_be_shown_on_a_stand_in() -> None:
    """The console is the product's own: on other software it is UNKNOWN with that reason."""
    stand_in = with_image("object-store", software="seaweedfs", version="4.0", fidelity=Fidelity.STAND_IN)
    result = Scene("conformance/object-store-console", stand_in).play()
    assert result.verdict is Status.UNKNOWN
    assert result.beyond_fidelity
    assert "seaweedfs" in result.reason


def test_the_protocol_is_proven_on_a_stand_in_all_the_same() -> None:
    """Policies, versions and signatures are S3's, not a product's."""
    stand_in = with_image("object-store", software="seaweedfs", version="4.0", fidelity=Fidelity.STAND_IN)
    names = [n for n in NAMES if "object-store" in BY_NAME[n].needs and not BY_NAME[n].product_claim]
    assert {Scene(name, stand_in).play().verdict for name in names} == {Status.PASS}


def _state(platform: FakePlatform) -> dict[str, Any]:
    broker = platform.broker
    return {
        "queues": {name: [m.body for m in queue.messages] for name, queue in broker.queues.items()},
        "bindings": list(broker.bindings),
        "objects": {name: {b: dict(v.objects) for b, v in s.buckets.items()} for name, s in platform.objects.items()},
        "cache": [asdict(state) for state in platform.caches.values()],
        "databases": {n: (sorted(s.schemas), sorted(s.accounts), s.rows) for n, s in platform.databases.items()},
    }
