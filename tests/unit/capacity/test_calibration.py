"""Calibrations are read strictly, and made of a history or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.capacity.calibration import default_calibration, parse_calibration, read_calibration
from sim.errors import BadInput
from tests.unit.capacity.costs_sample import calibration

_SAMPLE = calibration({"api-gateway": 0.002, "rabbitmq-cluster": 0.001})


def test_a_kept_calibration_is_read_back_the_same(tmp_path: Path) -> None:
    """By way of its file."""
    path = tmp_path / "costs.json"
    path.write_text(_SAMPLE.to_json(), encoding="utf-8")
    assert read_calibration(path) == _SAMPLE


def _set(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda document: {**document, **changes}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_set(schema=2), "schema"),
        (_set(visits={}), "no visits"),
        (_set(cores="two"), "cores"),
        (_set(visits={"a": {"weight": -1, "requests": 1, "think_s": 0, "sampled": 1, "cpu_s": {}}}), "weight"),
        (_set(visits={"a": {"weight": 1, "requests": 0, "think_s": 0, "sampled": 1, "cpu_s": {}}}), "requests"),
        (_set(visits={"a": {"weight": 1, "requests": 1, "think_s": 0, "sampled": 1, "cpu_s": {"x": -2}}}), "cpu_s"),
        (_set(visits={"a": {"weight": 1, "requests": 1, "think_s": 0, "sampled": 1, "cpu_s": {"x": 0}}}), "nothing"),
    ],
)
def test_what_is_no_calibration_is_refused(spoil: Callable[[dict[str, Any]], dict[str, Any]], said: str) -> None:
    """With the place, the problem and the next step."""
    text = json.dumps(spoil(json.loads(_SAMPLE.to_json())))
    with pytest.raises(BadInput, match=said) as refused:
        parse_calibration(text, "costs.json")
    assert "costs.json" in str(refused.value)
    assert "--calibrate" in refused.value.next_step


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}'])
def test_broken_files_are_refused(text: str) -> None:
    """Empty, cut short, something else."""
    with pytest.raises(BadInput, match="no calibration"):
        parse_calibration(text, "costs.json")


def test_sims_own_calibration_says_where_it_is_from() -> None:
    """Measured numbers with date, host and fidelity; enough of them."""
    own = default_calibration()
    assert own.measured_at
    assert own.host
    assert own.fidelity["service"] == "stand-in"
    assert all(visit.sampled >= 50 for visit in own.visits.values())
    assert 0.001 < sum(own.cpu_s().values()) < 1
