"""``failover/broker-leader`` end to end on the modelled platform."""

from __future__ import annotations

import pytest

from scenarios.failover import SCENARIOS
from sim.errors import RigError
from sim.runtime.fake.platform import FakePlatform
from sim.verdict import Status
from tests.fake.drill_rehearsal import Sabotage, judged, rehearse

_SCENARIO = SCENARIOS[0]


def test_a_conformant_platform_passes_and_the_control_saw_loss() -> None:
    """Nothing lost, another node led, the killed one rejoined; the same death emptied the classic queue."""
    drill = rehearse(_SCENARIO)
    numbers = drill.result.numbers
    assert drill.result.verdict is Status.PASS, (drill.result.reason, drill.result.evidence)
    assert numbers["acknowledged"] > 300
    assert numbers["lost"] == 0
    assert numbers["control_lost"] == numbers["control_acknowledged"] == 50
    assert numbers["rto_ms"] >= 0
    assert 0 < numbers["availability_percent"] <= 100
    assert [o.detail["phase"] for o in drill.of("fault")] == ["inject", "heal"]
    assert not [name for name in drill.platform.broker.queues if name.startswith("sim.")]
    assert len(drill.platform.broker.alive()) == 3


def _lossy(platform: FakePlatform) -> None:
    """A quorum queue that forgets its newest message when a node dies."""

    def forget(_: str) -> None:
        for queue in platform.broker.queues.values():
            if queue.type == "quorum":
                del queue.messages[-1:]

    platform.processes.died.append(forget)


def _classic_by_default(platform: FakePlatform) -> None:
    platform.broker.vhosts = dict.fromkeys(platform.broker.vhosts, "classic")


@pytest.mark.parametrize("spoil", [_lossy, _classic_by_default])
def test_lost_messages_fail_and_are_named(spoil: Sabotage) -> None:
    """An acknowledged message that is gone fails the drill by its id, be the queue lossy or not replicated at all."""
    result = rehearse(_SCENARIO, spoil).result
    assert result.verdict is Status.FAIL, result.reason
    assert "lost: m-0" in result.reason
    assert result.numbers["lost"] >= 1


def test_no_election_fails() -> None:
    """Section 6 promises one: a queue that stays without a leader for a minute fails the drill."""
    result = rehearse(_SCENARIO, speed=30.0, election_s=1e6).result
    assert result.verdict is Status.FAIL, result.reason
    assert any("no new leader" in line for line in result.evidence)


def _no_kill(platform: FakePlatform) -> None:
    platform.control.kill = lambda *_: None  # type: ignore[method-assign,assignment]


def _refused_kill(platform: FakePlatform) -> None:
    def kill(*_: str) -> None:
        raise RigError("The engine went away.")

    platform.control.kill = kill  # type: ignore[method-assign,assignment]


def _loss_unseen(platform: FakePlatform) -> None:
    platform.processes.died.clear()


def _no_start(platform: FakePlatform) -> None:
    def start(_: str) -> None:
        raise RigError("The engine went away.")

    platform.control.start = start  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_no_kill, "not seen to work"),
        (_refused_kill, "not seen to work"),
        (_loss_unseen, "cannot see loss"),
    ],
)
def test_what_the_rig_could_not_show_is_unknown(spoil: Sabotage, reason: str) -> None:
    """A fault without effect and a ledger blind to loss prove nothing about the platform."""
    result = rehearse(_SCENARIO, spoil).result
    assert result.verdict is Status.UNKNOWN, result.reason
    assert any(reason in line for line in (result.reason, *result.evidence))


def test_a_node_the_rig_could_not_start_again_is_unknown() -> None:
    """The engine refusing to start a container is no failing of the broker."""
    assert rehearse(_SCENARIO, _no_start).result.verdict is Status.UNKNOWN


def test_without_its_evidence_it_is_unknown() -> None:
    """Each kind of observation is needed for a pass."""
    drill = rehearse(_SCENARIO)
    assert judged(_SCENARIO, ()).verdict is Status.UNKNOWN
    for op in ("publish", "fault", "leader", "queue", "drain", "load", "control-publish", "control-drain"):
        rest = [o for o in drill.observations if o.op != op]
        verdict = judged(_SCENARIO, rest).verdict
        assert verdict is Status.UNKNOWN or (op == "publish" and verdict is not Status.PASS), op
