"""``sim judge``: exit codes by contract, JSON alone on stdout, differences told, nothing rewritten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import sim.cli.judge
from sim.cli.judge import judge
from sim.errors import BadInput
from sim.history import History, Observation, Outcome
from sim.judging import judge_history, overall
from sim.record import HISTORY_FILE, RECORD_FILE, TOPOLOGY_FILE
from sim.report.write import point_latest, write_run
from sim.scenario import Evidence, Scenario
from sim.topology.load import load_topology, topology_text
from sim.verdict import Verdict, failed, passed
from tests.unit.report_sample import sample_record


def _all_well(evidence: Evidence) -> Verdict:
    wrong = [o.target for o in evidence.observations if o.outcome is not Outcome.OK]
    return failed("one did not answer", *wrong) if wrong else passed("all answered")


SCENARIO = Scenario("conformance/ping", "Every database answers", "5", ("mysql",), lambda _: None, _all_well)
PRODUCT = replace(SCENARIO, name="conformance/console", needs=("object-store",), product_claim=True)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A passing run of two scenarios, one of them beyond what its stand-in can show."""
    scenarios = {s.name: s for s in (SCENARIO, PRODUCT)}
    monkeypatch.setattr(sim.cli.judge, "SCENARIOS", scenarios)
    run = tmp_path / "reports" / "20261103T091502Z"
    run.mkdir(parents=True)
    history = History(run / HISTORY_FILE)
    for name in scenarios:
        history.append(Observation(1.0, name, "rig", "login", "auth-service-mysql", Outcome.OK))
    history.close()
    (run / TOPOLOGY_FILE).write_text(topology_text(), encoding="utf-8")
    topology = load_topology()
    sample = sample_record(topology)
    images = {row.component: row.resolved() for row in sample.images}
    results = judge_history(run / HISTORY_FILE, tuple(scenarios.values()), topology, "staging", images)
    record = replace(sample, scenarios=results, verdict=overall(results, strict=False))
    write_run(run, record, (), {}, (), topology=topology)
    point_latest(run.parent, run)
    return run


def _fail_it(directory: Path) -> None:
    path = directory / HISTORY_FILE
    path.write_text(path.read_text(encoding="utf-8").replace('"OK"', '"FAILED"'), encoding="utf-8")


def test_a_passing_run_passes_again(directory: Path) -> None:
    """Exit 0, the table, and no word of a difference; by ``latest`` too."""
    for path in (directory, directory.parent / "latest"):
        done = CliRunner().invoke(judge, [str(path)])
        assert done.exit_code == 0, done.output
        assert "PASS  The one claim judged holds" in done.output
        assert "differ" not in done.output


def test_another_history_gives_another_verdict_and_says_so(directory: Path) -> None:
    """Exit 1 by what the files say now, with the recorded verdict beside it."""
    _fail_it(directory)
    done = CliRunner().invoke(judge, [str(directory)])
    assert done.exit_code == 1
    assert "conformance/ping: recorded PASS, now FAIL (one did not answer)" in done.output


def test_strict_makes_what_cannot_be_shown_unknown(directory: Path) -> None:
    """Exit 3: the rig could not tell."""
    assert CliRunner().invoke(judge, [str(directory), "--strict"]).exit_code == 3


def test_json_is_one_document(directory: Path) -> None:
    """Verdict, scenarios and differences, and nothing else on stdout."""
    _fail_it(directory)
    done = CliRunner().invoke(judge, [str(directory), "--json"])
    document = json.loads(done.stdout)
    assert (document["verdict"], document["recorded_verdict"]) == ("FAIL", "PASS")
    assert next((d["name"], d["recorded"], d["now"]) for d in document["differences"]) == (
        "conformance/ping",
        "PASS",
        "FAIL",
    )
    assert [s["name"] for s in document["scenarios"]] == ["conformance/ping", "conformance/console"]
    assert done.exit_code == 1


def test_nothing_is_rewritten(directory: Path) -> None:
    """Judging again leaves every file of the run as it was."""
    _fail_it(directory)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in directory.rglob("*") if p.is_file()}
    CliRunner().invoke(judge, [str(directory)])
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in directory.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", ["nowhere", RECORD_FILE])
def test_what_is_no_run_is_bad_input(directory: Path, name: str) -> None:
    """A wrong folder, or a file in its place, is the user's to mend."""
    done = CliRunner().invoke(judge, [str(directory / name)])
    assert isinstance(done.exception, BadInput)
