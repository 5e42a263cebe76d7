"""``throughput/broker`` end to end on the modelled platform, by the engine that needs no other process."""

from __future__ import annotations

import pytest

from scenarios.throughput import SCENARIOS
from sim.checks.throughput import CONTROL_PUBLISH, PUBLISH, SEGMENT
from sim.runtime.fake.platform import FakePlatform
from sim.verdict import Status
from tests.fake.drill_rehearsal import Sabotage, judged, rehearse

_SCENARIO = SCENARIOS[0]


def test_a_conformant_platform_passes_and_the_control_saw_the_stall() -> None:
    """Warm-up, measured and control segments are on record by their engine, and the stall shows in the latency."""
    drill = rehearse(_SCENARIO)
    result = drill.result
    assert result.verdict is Status.PASS, (result.reason, result.evidence)
    assert [o.detail["name"] for o in drill.of(SEGMENT)] == ["warm-up", "measured", "control"]
    assert {o.detail["engine"] for o in drill.of(SEGMENT)} == {"in-process"}
    assert result.numbers["samples"] == len(drill.of(PUBLISH)) >= 299
    assert result.numbers["control_max_ms"] >= 900
    assert not [name for name in drill.platform.broker.queues if name.startswith("sim.")]
    for op in (PUBLISH, SEGMENT, "fault", CONTROL_PUBLISH):
        assert judged(_SCENARIO, [o for o in drill.observations if o.op != op]).verdict is Status.UNKNOWN, op


def _minority(platform: FakePlatform) -> None:
    for node in list(platform.broker.nodes)[1:]:
        platform.control.kill(node)


def _no_pause(platform: FakePlatform) -> None:
    platform.control.pause = lambda _: None  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("spoil", "status", "reason"),
    [
        (_minority, Status.FAIL, "not confirmed"),
        (_no_pause, Status.UNKNOWN, "stall was not seen to work"),
    ],
)
def test_a_broken_platform_fails_and_a_control_without_effect_is_unknown(
    spoil: Sabotage, status: Status, reason: str
) -> None:
    """A cluster without its majority confirms nothing; a stall that never was leaves the measurement unproven."""
    result = rehearse(_SCENARIO, spoil).result
    assert result.verdict is status, result.reason
    assert any(reason in line for line in result.evidence), result.evidence
