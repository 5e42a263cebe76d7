"""``sim capacity``: 80 columns, one JSON document, exit codes, and refusals that say what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sim.capacity.runs import SCENARIO
from sim.cli.capacity import capacity
from sim.errors import BadInput
from sim.history import History
from sim.record import HISTORY_FILE
from tests.unit.capacity.costs_sample import calibration
from tests.unit.capacity.levels_sample import at_rest, level, limits
from tests.unit.comparison.builds import build, written

_COSTS = {"api-gateway": 0.002, "products-service": 0.003, "products-service-mysql": 0.001, "rabbitmq-cluster": 0.001}


@pytest.fixture
def costs(tmp_path: Path) -> str:
    path = tmp_path / "costs.json"
    path.write_text(calibration(_COSTS).to_json(), encoding="utf-8")
    return str(path)


def _asked(*words: str) -> Result:
    return CliRunner().invoke(capacity, words)


@pytest.mark.parametrize(("rate", "code"), [("300", 0), ("5000", 1)])
def test_a_load_is_carried_or_not(costs: str, rate: str, code: int) -> None:
    """Exit 0 or 1, and why; no line is longer than a terminal is wide."""
    result = _asked("--rps", rate, "--calibration", costs)
    assert result.exit_code == code
    assert "products-service-mysql" in result.output
    assert ("Not carried" in result.output) == bool(code)
    assert max(map(len, result.output.splitlines())) <= 80


def test_json_is_one_document(costs: str) -> None:
    """What is endless is null, and every deployment is there."""
    result = _asked("--rps", "5000", "--calibration", costs, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["carried"] is False
    assert document["latency"]["p99_ms"] is None
    assert document["bottleneck"] == {"name": "products-service-mysql", "ceiling_per_s": 500.0}
    assert len(document["deployments"]) == 28
    assert document["calibration"]["fidelity"]["service"] == "stand-in"
    assert {"cannot be scaled", "unreachable maximum"} <= {f["kind"] for f in document["findings"]}


def test_without_a_load_five_orders_of_magnitude(costs: str) -> None:
    """100 to 1,000,000 shoppers, a line each."""
    result = _asked("--calibration", costs)
    assert result.exit_code == 0
    assert "1\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert len(json.loads(_asked("--calibration", costs, "--json").stdout)) == 5


def test_shoppers_and_environments_may_be_chosen(costs: str) -> None:
    """Development has one pod of a tenth of a core of each."""
    document = json.loads(_asked("--users", "102", "--env", "development", "--calibration", costs, "--json").stdout)
    assert document["rate_per_s"] == pytest.approx(100)
    assert document["bottleneck"]["name"] == "products-service"
    assert document["bottleneck"]["ceiling_per_s"] == pytest.approx(0.1 / 0.003, abs=0.01)


def test_a_runs_folder_gives_its_costs(tmp_path: Path) -> None:
    """With the run's own date, machine and images; one without costs is refused."""
    run = written(tmp_path, build("run", [{}])) / "run-0"
    history = History(run / HISTORY_FILE)
    for observation in (*limits(), *at_rest(), level(4), level(8), level(20)):
        history.append(replace(observation, scenario=SCENARIO))
    history.close()
    document = json.loads(_asked("--rps", "1", "--calibration", str(run), "--json").stdout)
    assert document["calibration"]["measured_at"].startswith("2026-11-03")
    assert document["calibration"]["host"] == "2 cores, kernel 6.1, docker 27"
    (run / HISTORY_FILE).write_text("", encoding="utf-8")
    refused = _asked("--rps", "1", "--calibration", str(run)).exception
    assert isinstance(refused, BadInput)
    assert "holds no costs" in str(refused)


@pytest.mark.parametrize(
    "words",
    [
        ("--rps", "1", "--users", "1"),
        ("--rps", "1", "--on", "there"),
        ("--calibrate", "--calibration", "costs.json"),
        ("--rps", "1", "--calibration", "/nowhere/costs.json"),
        ("--rps", "1", "--topology", "/nowhere/platform.yaml"),
    ],
)
def test_words_that_make_no_sense_are_refused(words: tuple[str, ...]) -> None:
    """Two loads, a stack for nothing, two sources of costs, files that are not there."""
    refused = _asked(*words).exception
    assert isinstance(refused, BadInput)
    assert refused.next_step


@pytest.mark.parametrize("rate", ["0", "-5", "nan", "inf", "many"])
def test_rates_are_positive_numbers(rate: str) -> None:
    """Anything else is bad input."""
    result = _asked("--rps", rate)
    assert result.exit_code == 2 or isinstance(result.exception, BadInput)
