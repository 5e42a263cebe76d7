"""Faults in force as a stack's folder remembers them: written, healed by others, forgotten only when mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import RigError
from sim.remedy import Pledge, Remedy
from sim.runtime import pledges, state
from sim.scenario import ServerState
from tests.unit.staging import StubbornControl

_PAUSED = Pledge("pause", ("redis",), (Remedy("unpause", "redis"),), "2026-01-01T00:00:00+00:00")
_KILLED = Pledge("kill -9", ("minio",), (Remedy("start", "minio"),), "2026-01-01T00:00:01+00:00", by_hand=True)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def _broken(**spoilt: frozenset[str]) -> StubbornControl:
    return StubbornControl(states={"redis": ServerState("paused"), "minio": ServerState("exited")}, **spoilt)


def test_what_is_pledged_is_remembered_until_it_is_redeemed() -> None:
    """In order, private to its owner, and no file once all are healed."""
    pledges.pledge("s", _PAUSED)
    pledges.pledge("s", _KILLED)
    assert pledges.pledged("s") == (_PAUSED, _KILLED)
    file = state.folder("s") / "faults.json"
    assert file.stat().st_mode & 0o077 == 0
    pledges.redeem("s", _PAUSED)
    pledges.redeem("s", _KILLED)
    assert pledges.pledged("s") == ()
    assert not file.exists()


def test_only_what_a_dead_rig_left_is_healed_unasked() -> None:
    """What someone put there by hand stays until they say otherwise."""
    control = _broken()
    for one in (_PAUSED, _KILLED):
        pledges.pledge("s", one)
    assert pledges.heal("s", control, pledges.left_behind) == (_PAUSED,)
    assert control.state("redis").state == "running"
    assert control.state("minio").state == "exited"
    assert pledges.pledged("s") == (_KILLED,)
    waited: list[str] = []
    assert pledges.heal("s", control, lambda _: True, waited.append) == (_KILLED,)
    assert waited == ["minio"]


def test_a_remedy_that_fails_keeps_its_fault_on_record_and_spares_no_other() -> None:
    """The engine refuses to start one; the other is mended all the same, and the error is told."""
    control = _broken(refuses=frozenset({"start"}))
    for one in (_PAUSED, _KILLED):
        pledges.pledge("s", one)
    with pytest.raises(RigError, match="minio"):
        pledges.heal("s", control, lambda _: True)
    assert control.state("redis").state == "running"
    assert pledges.pledged("s") == (_KILLED,)


def test_remedies_are_right_in_whatever_state_they_find() -> None:
    """Nothing is started that runs, nothing thawed that is not frozen."""
    control = StubbornControl(refuses=frozenset({"start", "unpause"}))
    Remedy("start", "redis").apply(control)
    Remedy("unpause", "redis").apply(control)
    assert control.state("redis").state == "running"


def test_a_file_that_is_not_ours_is_refused_in_one_message() -> None:
    """Never a traceback, and a way out."""
    state.folder("s").mkdir(parents=True)
    (state.folder("s") / "faults.json").write_text("{")
    with pytest.raises(RigError, match="cannot be read"):
        pledges.pledged("s")
