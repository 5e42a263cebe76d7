"""Every data isolation scenario end to end on the modelled platform."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from scenarios.isolation import DATA
from sim.checks.journey import NAMES as NAMES_DRAWN
from sim.checks.walls import CANARY, DOCUMENTED
from sim.history import Outcome
from sim.runtime.fake.platform import FakePlatform
from sim.scenario import Scenario
from sim.verdict import Status
from tests.fake.drill_rehearsal import Drill, Sabotage, judged, rehearse
from tests.fake.isolation_sabotages import SABOTAGES

# Sagas take their time also on a fast clock.
_FAST, _OF_SHOP = 400.0, 25.0
BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in DATA}
NAMES = tuple(BY_NAME)

# A journey's own answers, before and after, are its control.
_WITH_CONTROL = tuple(name for name in NAMES if name != "isolation/customers")


def _rehearse(name: str, spoil: Sabotage | None = None) -> Drill:
    return rehearse(BY_NAME[name], spoil, speed=_OF_SHOP if "service" in BY_NAME[name].needs else _FAST)


_every_scenario = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def drills() -> Mapping[str, Drill]:
    """Each scenario once on a platform that is as documented."""
    return {name: _rehearse(name) for name in NAMES}


def test_claims_are_sentences_that_cite_section_and_source() -> None:
    """One claim each, a section of the document and what else it rests on."""
    assert len(NAMES) == len(DATA) >= 15
    assert all(s.claim.endswith(".") and s.section and s.source and s.needs for s in DATA)


@_every_scenario
def test_a_conformant_platform_passes(name: str, drills: Mapping[str, Drill]) -> None:
    """Every wall stands on a platform that is as documented."""
    result = drills[name].result
    assert result.verdict is Status.PASS, (result.reason, result.evidence)


@pytest.mark.parametrize("name", _WITH_CONTROL)
def test_the_control_was_seen_both_ways(name: str, drills: Mapping[str, Drill]) -> None:
    """Opened on purpose and closed again, and the evidence says so."""
    result = drills[name].result
    assert [o.detail["phase"] for o in drills[name].of(CANARY)] == ["open", "closed"]
    assert any(line.startswith("control:") for line in result.evidence)


@pytest.mark.parametrize(("name", "spoil"), [(n, spoil) for n, many in SABOTAGES.items() for spoil in many])
def test_a_breach_fails_and_says_so(name: str, spoil: Sabotage) -> None:
    """Each scenario sees every way in which its wall was opened, and gives evidence."""
    result = _rehearse(name, spoil).result
    assert result.verdict is Status.FAIL, (result.reason, result.evidence[:5])
    assert result.evidence


def test_no_scenario_is_without_a_sabotage() -> None:
    """A scenario that nothing was seen to fail would be taken on trust."""
    assert set(SABOTAGES) == set(NAMES)


@_every_scenario
def test_an_empty_history_is_unknown(name: str) -> None:
    """Nothing observed proves nothing."""
    assert judged(BY_NAME[name], ()).verdict is Status.UNKNOWN


@_every_scenario
def test_any_observation_missing_is_unknown(name: str, drills: Mapping[str, Drill]) -> None:
    """A question that was not put leaves the claim open; of many, the first, the last and some between are tried."""
    seen = drills[name].observations
    # Names drawn, another's schema made and the document's table are the rig's; what they show is in the answers.
    telling = [o for o in seen if o.op not in {"another-schema", DOCUMENTED, NAMES_DRAWN}]
    for missing in {id(o): o for o in (*telling[:3], *telling[:: max(1, len(telling) // 7)], telling[-1])}.values():
        result = judged(BY_NAME[name], [o for o in seen if o is not missing])
        assert result.verdict is Status.UNKNOWN, missing


@_every_scenario
def test_silence_is_never_a_refusal(name: str, drills: Mapping[str, Drill]) -> None:
    """A dead server looks like no wall at all: every answer turned to silence, one or all, leaves the claim open."""
    seen = drills[name].observations
    quiet = [
        replace(o, outcome=Outcome.UNSURE, detail={**o.detail, "code": "", "status": 0, "message": "no"}) for o in seen
    ]
    assert judged(BY_NAME[name], quiet).verdict is Status.UNKNOWN
    last = judged(BY_NAME[name], [*seen[:-1], quiet[-1]])
    assert last.verdict is Status.UNKNOWN


@_every_scenario
def test_a_dead_platform_is_unknown(name: str) -> None:
    """With every server killed nothing is shown, and nothing is blamed."""

    def kill(platform: FakePlatform) -> None:
        for spec in platform.plan.servers:
            platform.control.kill(spec.name)

    assert _rehearse(name, kill).result.verdict is Status.UNKNOWN


@pytest.mark.parametrize("name", _WITH_CONTROL)
@pytest.mark.parametrize("phase", ["open", "closed"])
def test_a_control_that_was_not_seen_makes_it_unknown(name: str, phase: str, drills: Mapping[str, Drill]) -> None:
    """A probe that saw only one of the two answers of its control has shown nothing."""
    seen = drills[name].observations
    result = judged(BY_NAME[name], [o for o in seen if o.detail.get("phase") != phase])
    assert result.verdict is Status.UNKNOWN
    assert phase in result.reason


@_every_scenario
def test_no_trace_is_left_on_the_platform(name: str) -> None:
    """Accounts, rights, queues, objects and keys are as they were."""
    before: list[Any] = []
    drill = _rehearse(name, lambda p: before.append(copy.deepcopy(state_of(p))))
    assert state_of(drill.platform) == before[0]


@_every_scenario
def test_no_secret_is_written(name: str, drills: Mapping[str, Drill]) -> None:
    """A history may be published: no password or key of the stack is in it, and no signature."""
    drill = drills[name]
    written = "".join(o.to_json() for o in drill.observations)
    assert not [key for key, value in drill.platform.secrets.items() if value in written]
    assert "X-Amz-Signature" not in written


@_every_scenario
def test_a_verdict_taken_again_from_the_file_is_the_same(name: str, drills: Mapping[str, Drill]) -> None:
    """What is judged live is what is judged from its JSON, word for word."""
    drill = drills[name]
    again = [replace(o, detail=json.loads(o.to_json())["detail"]) for o in drill.observations]
    assert judged(BY_NAME[name], again) == drill.result


def state_of(platform: FakePlatform) -> dict[str, Any]:
    """Everything that a scenario of this group could leave changed."""
    broker = platform.broker
    return {
        "accounts": {n: {a: asdict(v) for a, v in s.accounts.items()} for n, s in platform.databases.items()},
        "schemas": {n: sorted(s.schemas) for n, s in platform.databases.items()},
        "users": {name: asdict(user) for name, user in broker.users.items()},
        "permissions": {vhost: dict(held) for vhost, held in broker.permissions.items()},
        "vhosts": dict(broker.vhosts),
        "queues": sorted(broker.queues),
        "buckets": {n: asdict(b) for store in platform.objects.values() for n, b in store.buckets.items()},
        "caches": {n: (dict(c.users), dict(c.values), c.any_password) for n, c in platform.caches.items()},
    }
