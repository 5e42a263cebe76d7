"""What ``sim capacity --calibrate`` makes of what it measured, and where it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.capacity.calibration import read_calibration
from sim.capacity.runs import model_error
from sim.cli.calibrating import measured_calibration
from sim.errors import RigError
from sim.history import Observation, Outcome
from sim.judging import RIG_FAULT
from sim.record import Host
from sim.runtime.calibrations import keep_calibration, latest_calibration
from tests.unit.capacity.levels_sample import at_rest, level, limits

_SEEN = (*at_rest(), *limits(), level(4), level(8), level(20))
_HOST = Host(2, 8 * 2**30, "6.1", "Docker 27", "3.11")


def _measured(*seen: Observation) -> str:
    return measured_calibration(
        seen, measured_at="2026-11-03T09:00:00+00:00", host=_HOST, environment="staging", fidelity={"mysql": "stand-in"}
    ).to_json()


def test_what_was_measured_says_where_and_when() -> None:
    """Host in words, environment, fidelity."""
    text = _measured(*_SEEN)
    assert '"host": "2 cores, kernel 6.1, Docker 27"' in text
    assert '"environment": "staging"' in text


def test_how_far_the_model_was_from_that_stack_is_kept_beside_the_costs() -> None:
    """In words; a stack whose knee was not found has none."""
    found = {"predicted_knee_per_s": 244.0, "knee_per_s": 279.3, "model_error_percent": -12.6, "foreign_cores": 0.17}
    said = "Knee of that stack: foretold 244/s, found 279/s (-13 %), beside others on 0.2 cores."
    assert model_error(found) == (said,)
    assert model_error({"predicted_knee_per_s": 244.0}) == ()


def test_what_was_not_measured_says_why() -> None:
    """The rig's own fault first, else what is missing."""
    with pytest.raises(RigError, match="were not measured"):
        _measured()
    fault = Observation(1.0, "s", "rig", RIG_FAULT, "", Outcome.FAILED, {"message": "the gateway is down"})
    with pytest.raises(RigError, match="the gateway is down"):
        _measured(fault)


def test_the_newest_calibration_of_this_machine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time in its name; none is none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert latest_calibration() is None
    text = _measured(*_SEEN)
    keep_calibration("20261103T090000Z", "older")
    newest = keep_calibration("20261103T100000Z", text)
    assert latest_calibration() == newest
    assert read_calibration(newest).environment == "staging"
