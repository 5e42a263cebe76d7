"""``isolation/mutations`` end to end on the modelled platform."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scenarios.isolation.mutations import CHECKS, MUTATIONS
from sim.checks.mutants import AFTER, BEFORE, MUTANT, SEEN
from sim.errors import Refused
from sim.history import Observation, Outcome
from sim.runtime.fake.platform import FakePlatform
from sim.runtime.fake.redis_wall import FakeCacheWall
from sim.verdict import Status
from tests.fake.drill_rehearsal import Drill, judged, rehearse
from tests.fake.test_isolation_data import state_of

_FAST = 400.0


@pytest.fixture(scope="module")
def drill() -> Drill:
    """The whole of it once."""
    return rehearse(MUTATIONS, speed=_FAST)


def test_every_mutant_is_noticed(drill: Drill) -> None:
    """Grants, permissions, policies and rules of every server, each loosened once; the score is whole."""
    result = drill.result
    assert result.verdict is Status.PASS, (result.reason, result.evidence[:10])
    assert result.numbers["mutants"] == len(drill.of(MUTANT)) >= 400
    assert result.numbers["score_percent"] == 100.0
    assert {o.target for o in drill.of(MUTANT)} >= {"auth-service-mysql", "rabbitmq-cluster", "minio", "redis"}
    assert len({o.detail["name"] for o in drill.of(MUTANT)}) == len(drill.of(MUTANT))
    assert len({o.detail["operator"] for o in drill.of(MUTANT)}) >= 15


def test_what_was_opened_is_closed_again() -> None:
    """Accounts, rights, users and policies are as they were."""
    before: list[Any] = []
    drill = rehearse(MUTATIONS, lambda p: before.append(copy.deepcopy(state_of(p))), speed=_FAST)
    assert state_of(drill.platform) == before[0]


def test_a_wall_that_opens_unnoticed_fails_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that no check sees the effect of is a survivor, listed by name."""
    monkeypatch.setattr(FakeCacheWall, "set_user", _blindly(FakeCacheWall.set_user))
    result = rehearse(MUTATIONS, speed=_FAST).result
    assert result.verdict is Status.FAIL, result.reason
    assert result.numbers["survivors"] == 4
    assert any("cache: orders-service +flushall" in line for line in result.evidence)


def _blindly(set_user: Callable[..., None]) -> Callable[..., None]:
    """A server that acknowledges one rule and does nothing."""

    def acknowledge(wall: FakeCacheWall, user: str, *rules: str) -> None:
        if rules != ("+flushall",):
            set_user(wall, user, *rules)

    return acknowledge


def test_a_mutant_that_the_server_refused_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was never opened shows nothing, neither for the checks nor against them."""

    def refuse(*_: object) -> None:
        raise Refused("redis refused (ERR).", "ERR")

    monkeypatch.setattr(FakeCacheWall, "rules", refuse)
    result = rehearse(MUTATIONS, speed=_FAST).result
    assert result.verdict is Status.UNKNOWN
    assert "not shown" in result.reason


def test_a_spoiled_platform_is_no_control() -> None:
    """Where a check fails without any mutant, its failing with one shows nothing."""

    def spoil(platform: FakePlatform) -> None:
        platform.objects["minio"].buckets["sav"].anonymous.add("s3:GetObject")

    result = rehearse(MUTATIONS, spoil, speed=_FAST).result
    assert result.verdict is Status.UNKNOWN
    assert "control" in result.reason


def test_a_dead_platform_is_unknown() -> None:
    """Nothing answers, nothing is shown."""

    def kill(platform: FakePlatform) -> None:
        for spec in platform.plan.servers:
            platform.control.kill(spec.name)

    assert rehearse(MUTATIONS, kill, speed=_FAST).result.verdict is Status.UNKNOWN


def _without(observations: tuple[Observation, ...], **detail: str) -> list[Observation]:
    return [o for o in observations if any(o.detail.get(name) != value for name, value in detail.items())]


def test_any_part_missing_is_unknown(drill: Drill) -> None:
    """The control before and after, the mutants' lives, and what the checks said: each is needed."""
    seen = drill.observations
    assert judged(MUTATIONS, ()).verdict is Status.UNKNOWN
    for phase in (BEFORE, AFTER):
        one_check = _without(seen, mutant=phase, check=CHECKS[3].name)
        assert judged(MUTATIONS, one_check).verdict is Status.UNKNOWN
    assert judged(MUTATIONS, [o for o in seen if o.op != MUTANT]).verdict is Status.UNKNOWN
    some = next(o for o in seen if o.op == MUTANT)
    unseen = _without(seen, mutant=some.detail["name"])
    assert judged(MUTATIONS, unseen).verdict is Status.UNKNOWN


def test_silence_is_no_survivor(drill: Drill) -> None:
    """A server that did not answer while a mutant lived leaves that mutant open."""
    quiet = [
        replace(
            o,
            outcome=Outcome.UNSURE,
            detail={**o.detail, "detail": {**o.detail["detail"], "code": "", "message": "no answer"}},
        )
        if o.op == SEEN and "sim_stranger" in o.detail["mutant"]
        else o
        for o in drill.observations
    ]
    result = judged(MUTATIONS, quiet)
    assert result.verdict is Status.UNKNOWN
    assert result.numbers["survivors"] == 0


def test_no_secret_is_written_and_files_judge_alike(drill: Drill) -> None:
    """The history may be published, and its verdict taken again."""
    written = "".join(o.to_json() for o in drill.observations)
    assert not [key for key, value in drill.platform.secrets.items() if value in written]
    again = [replace(o, detail=json.loads(o.to_json())["detail"]) for o in drill.observations]
    assert judged(MUTATIONS, again) == drill.result
