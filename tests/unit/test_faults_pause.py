"""Pause: frozen inside the block, running after it, each seen from outside."""

from __future__ import annotations

import pytest

from sim.errors import RigError
from sim.faults.pause import Pause
from sim.history import Outcome
from tests.unit.staging import StubbornControl, stage


def test_it_freezes_and_thaws() -> None:
    """The engine says paused within and running after; the record says when the action was taken."""
    control = StubbornControl()
    played = stage(control)
    with Pause("redis").inject(played) as effective:
        assert effective
        assert control.state("redis").state == "paused"
    assert control.state("redis").state == "running"
    assert [(o.detail["phase"], o.outcome, o.detail["evidence"]) for o in played.history] == [
        ("inject", Outcome.OK, "container paused"),
        ("heal", Outcome.OK, "container running"),
    ]


def test_it_thaws_after_an_exception() -> None:
    """Nothing stays frozen."""
    control = StubbornControl()
    with pytest.raises(ZeroDivisionError), Pause("redis").inject(stage(control)):
        raise ZeroDivisionError
    assert control.state("redis").state == "running"


def test_without_effect_it_is_on_record_as_failed() -> None:
    """A pause that did not freeze is not taken for one."""
    played = stage(StubbornControl(ignores=frozenset({"pause"})))
    with Pause("redis").inject(played) as effective:
        assert not effective
    assert next(iter(played.history)).outcome is Outcome.FAILED


def test_a_server_that_stays_frozen_is_a_fault_of_the_rig() -> None:
    """What cannot be healed is said aloud."""
    with (
        pytest.raises(RigError, match="did not come back"),
        Pause("redis").inject(stage(StubbornControl(refuses=frozenset({"unpause"})))),
    ):
        pass
