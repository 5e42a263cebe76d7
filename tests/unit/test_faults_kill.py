"""``kill -9``: it takes effect and says so, it is always healed, and healing means serving."""

from __future__ import annotations

import pytest

from sim.errors import RigError, Unreachable
from sim.faults.kill import Kill
from sim.history import Outcome
from sim.scenario import Stage
from tests.unit.staging import StubbornControl, stage


def _phases(played: Stage) -> list[tuple[str, Outcome]]:
    return [(str(o.detail["phase"]), o.outcome) for o in played.history]


def test_it_ends_the_process_and_starts_it_again() -> None:
    """Inside the block the server is gone with SIGKILL's exit code; afterwards it runs; both are on record."""
    control = StubbornControl()
    played = stage(control)
    with Kill("redis", ready=lambda: True).inject(played) as effective:
        assert effective
        assert control.state("redis").exit_code == 137
    assert control.state("redis").state == "running"
    assert _phases(played) == [("inject", Outcome.OK), ("heal", Outcome.OK)]
    injected = next(iter(played.history))
    assert (injected.target, injected.detail["name"]) == ("redis", "kill -9")
    assert "137" in injected.detail["evidence"]


def test_it_is_healed_after_an_exception() -> None:
    """Whatever goes wrong in the block, the server is started again."""
    control = StubbornControl()
    with pytest.raises(KeyboardInterrupt), Kill("redis", ready=lambda: True).inject(stage(control)):
        raise KeyboardInterrupt
    assert control.state("redis").state == "running"


@pytest.mark.parametrize(
    "control", [StubbornControl(ignores=frozenset({"kill"})), StubbornControl(refuses=frozenset({"kill"}))]
)
def test_without_effect_it_is_on_record_as_failed(control: StubbornControl) -> None:
    """An engine that did nothing, or refused, leaves a fault that was not seen to work."""
    played = stage(control)
    with Kill("redis", ready=lambda: True).inject(played) as effective:
        assert not effective
    assert _phases(played) == [("inject", Outcome.FAILED), ("heal", Outcome.OK)]


def test_a_running_process_that_does_not_serve_is_not_healed() -> None:
    """The server is back when it answers; until the deadline it is asked, then the rig owns up."""
    asked: list[int] = []

    def ready() -> bool:
        asked.append(1)
        raise Unreachable("redis gave no answer.")

    played = stage()
    with (
        pytest.raises(RigError, match="did not come back"),
        Kill("redis", ready=ready, ready_deadline_s=10.0).inject(played),
    ):
        pass
    assert len(asked) > 1
    assert _phases(played)[-1] == ("heal", Outcome.FAILED)


def test_healing_waits_until_the_server_serves() -> None:
    """Not before it answers yes."""
    answers = iter([False, False, True])
    played = stage()
    with Kill("redis", ready=lambda: next(answers)).inject(played):
        pass
    assert next(answers, "all asked") == "all asked"
    assert _phases(played)[-1] == ("heal", Outcome.OK)
