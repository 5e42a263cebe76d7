"""SIGTERM as a fault: the server may end in its own way, and is always started again."""

from __future__ import annotations

import pytest

from sim.errors import RigError, Unreachable
from sim.faults.terminate import Terminate
from sim.history import Outcome
from sim.scenario import Stage
from tests.unit.staging import StubbornControl, stage


def _phases(played: Stage) -> list[tuple[str, Outcome]]:
    return [(str(o.detail["phase"]), o.outcome) for o in played.history]


def test_it_ends_the_process_and_starts_it_again() -> None:
    """Inside the block the server is gone with an exit code of its own; afterwards it runs; both are on record."""
    control = StubbornControl()
    played = stage(control)
    with Terminate("redis", ready=lambda: True).inject(played) as effective:
        assert effective
        assert control.state("redis").state == "exited"
    assert control.state("redis").state == "running"
    assert _phases(played) == [("inject", Outcome.OK), ("heal", Outcome.OK)]


def test_it_is_healed_after_an_exception() -> None:
    """Whatever goes wrong in the block, the server is started again."""
    control = StubbornControl()
    with pytest.raises(KeyboardInterrupt), Terminate("redis", ready=lambda: True).inject(stage(control)):
        raise KeyboardInterrupt
    assert control.state("redis").state == "running"


def test_a_server_that_does_not_serve_again_is_not_healed() -> None:
    """Running is not serving: the rig owns up at the deadline."""

    def ready() -> bool:
        raise Unreachable("redis gave no answer.")

    played = stage()
    with (
        pytest.raises(RigError, match="did not come back"),
        Terminate("redis", ready=ready, ready_deadline_s=5.0).inject(played),
    ):
        pass
    assert _phases(played)[-1] == ("heal", Outcome.FAILED)
