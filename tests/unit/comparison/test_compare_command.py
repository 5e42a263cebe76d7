"""``sim compare``: exit codes by contract, 80 columns, one JSON document, JUnit and a page that hold the same calls."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from sim.cli.compare import compare_runs
from sim.comparison.judgement import compare
from sim.comparison.model import Question
from sim.errors import BadInput
from sim.record import RECORD_FILE
from sim.report.comparison_page import render_comparison_html
from sim.statistics import ratios
from tests.unit.comparison.builds import build, in_turns, written


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratios, "RESAMPLES", 3000)


def _compared(tmp_path: Path, *words: str, slower: float = 1.0, count: int = 10, seed: int = 2) -> Result:
    before, after = in_turns(count, seed, slower=slower)
    sides = [str(written(tmp_path / "old", before)), str(written(tmp_path / "new", after))]
    return CliRunner().invoke(compare_runs, [*sides, *words])


@pytest.mark.parametrize(
    ("slower", "count", "code", "word"), [(1.0, 10, 0, "PASS"), (1.3, 10, 1, "FAIL"), (1.0, 2, 3, "UNKNOWN")]
)
def test_the_exit_code_is_the_contracts(tmp_path: Path, slower: float, count: int, code: int, word: str) -> None:
    """0 nothing worse, 1 worse, 3 cannot tell; and the last lines say so in words."""
    result = _compared(tmp_path, slower=slower, count=count)
    assert result.exit_code == code
    assert word in result.output
    assert max(len(line) for line in result.output.splitlines() if str(tmp_path) not in line) <= 80


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    """With calls, intervals and what is needed."""
    document = json.loads(_compared(tmp_path, "--json", slower=1.3).stdout)
    assert document["verdict"] == "FAIL"
    assert document["paired"] is True
    calls = {change["metric"]: change["call"] for change in document["changes"]}
    assert calls == {"p50_ms": "regression", "p99_ms": "regression", "achieved_per_s": "regression"}


def test_junit_fails_what_got_worse_and_errs_on_what_cannot_be_told(tmp_path: Path) -> None:
    """A case a figure, in a suite a scenario."""
    _compared(tmp_path / "1", "--junit", str(tmp_path / "worse.xml"), slower=1.3)
    suite = ET.parse(tmp_path / "worse.xml").getroot()[0]  # noqa: S314 - our own file
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("throughput/broker", "3", "3")
    _compared(tmp_path / "2", "--junit", str(tmp_path / "few.xml"), count=2)
    suite = ET.parse(tmp_path / "few.xml").getroot()[0]  # noqa: S314 - our own file
    assert (suite.get("failures"), suite.get("errors")) == ("0", "3")
    assert suite[0].find("error") is not None


def test_the_page_shows_the_answer_and_a_plot(tmp_path: Path) -> None:
    """And escapes what a folder may be called."""
    _compared(tmp_path, "--html", str(tmp_path / "page.html"), slower=1.3)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "FAIL" in page
    assert page.count("<circle") == 3
    before, after = in_turns(2, 1)
    odd = build("<script>alert(1)</script>", [r.record.scenarios[0].numbers for r in before.repeats])
    assert "<script>" not in render_comparison_html(compare(odd, after, Question()))


def test_one_run_may_be_given_by_its_own_folder_and_a_link_is_no_repeat(tmp_path: Path) -> None:
    """``latest`` leads to a run that is there already."""
    before, after = in_turns(6, 3)
    old, new = written(tmp_path / "old", before), written(tmp_path / "new", after)
    (old / "latest").symlink_to(old / "run-5", target_is_directory=True)
    both = json.loads(CliRunner().invoke(compare_runs, [str(old), str(new), "--json"]).stdout)
    assert len(both["before"]["runs"]) == 6
    one = json.loads(CliRunner().invoke(compare_runs, [str(old / "latest"), str(new / "run-1"), "--json"]).stdout)
    assert (one["before"]["runs"], one["after"]["runs"]) == (["run-5"], ["run-1"])


@pytest.mark.parametrize("spoil", ["missing", "empty", "broken", "clockless"])
def test_what_is_no_run_is_refused_with_the_next_step(tmp_path: Path, spoil: str) -> None:
    """No folder, a folder without runs, a record that is none, a time that is none."""
    before, _ = in_turns(2, 1)
    good = written(tmp_path / "good", before)
    bad = tmp_path / "bad"
    if spoil != "missing":
        bad.mkdir()
    if spoil == "broken":
        (bad / RECORD_FILE).write_text("{", encoding="utf-8")
    if spoil == "clockless":
        record = json.loads((good / "run-0" / RECORD_FILE).read_text(encoding="utf-8"))
        (bad / RECORD_FILE).write_text(json.dumps({**record, "started_at": "noon"}), encoding="utf-8")
    result = CliRunner().invoke(compare_runs, [str(good), str(bad)])
    assert isinstance(result.exception, BadInput)
    assert "bad" in str(result.exception)
    assert result.exception.next_step
