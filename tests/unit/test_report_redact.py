"""No secret gets into a run's folder, however it is spelled."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.history import History, Observation, Outcome, read_history
from sim.record import HISTORY_FILE, Record
from sim.report.redact import MARK, redact, redact_file, redact_value
from sim.report.write import write_run
from sim.topology.model import Topology
from sim.verdict import Status
from tests.unit.report_sample import SECRET, sample_logs, sample_observations, sample_record, sample_topology

SPELLINGS = {
    "plain": SECRET,
    "url": quote(SECRET, safe=""),
    "json": json.dumps(SECRET)[1:-1],
    "html": html.escape(SECRET),
    "base64": base64.b64encode(SECRET.encode()).decode().rstrip("="),
}


@pytest.fixture(scope="module")
def topology() -> Topology:
    return sample_topology()


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_each_spelling_is_found(spelling: str) -> None:
    """As it is, URL-encoded, JSON-escaped, HTML-escaped, in base64."""
    assert redact(f"before {spelling} after", [SECRET]) == f"before {MARK} after"


def test_a_secret_within_another_does_not_save_it() -> None:
    """Of two secrets that begin alike the longer is taken whole, in whatever order they are given."""
    for secrets in (["hunter", "hunter2000"], ["hunter2000", "hunter"]):
        assert redact("hunter2000 and hunter", secrets) == f"{MARK} and {MARK}"


def test_patterns_in_secrets_mean_nothing() -> None:
    """A secret is text, not a regular expression."""
    assert redact("aXXb a.*b", ["a.*b"]) == f"aXXb {MARK}"


def test_empty_and_tiny_values_are_no_secrets() -> None:
    """An unset password must not turn the log into marks."""
    assert redact("a log", ["", "a", "log"]) == "a log"


@given(st.text(), st.lists(st.text(alphabet='abcdefghij0123456789+/&%"\\', min_size=6), max_size=4))
def test_no_secret_survives(text: str, secrets: list[str]) -> None:
    """Whatever the text, no given secret is in what comes out."""
    clean = redact(text.join(["", *secrets, ""]), secrets)
    assert not [s for s in secrets if s in clean.replace(MARK, "\0")]


def test_values_are_redacted_all_through(topology: Topology) -> None:
    """Reason, evidence, departures: every string of a record, and nothing else of it changes."""
    record = sample_record(topology)
    tainted = replace(
        record,
        scenarios=(replace(record.scenarios[0], reason=f"x {SECRET}", evidence=(SECRET,), numbers={SECRET: 1.0}),),
        departures=(replace(record.departures[0], what=SECRET),),
    )
    clean = redact_value(tainted, [SECRET])
    assert SECRET not in clean.to_json()
    assert clean.scenarios[0].verdict is Status.PASS
    assert redact_value(record, ["never-there"]) == record


def test_a_history_written_with_a_secret_is_rewritten(tmp_path: Path) -> None:
    """The last line of defence: the line stays an observation, without the secret."""
    path = tmp_path / "h.jsonl"
    history = History(path)
    for detail in ({"dsn": f"mysql://u:{SECRET}@h"}, {"fine": "\udcff"}):
        history.append(Observation(1.0, "a/b", "rig", "login", "x", Outcome.OK, detail))
    history.close()
    assert redact_file(path, [SECRET])
    assert [o.detail for o in read_history(path)] == [{"dsn": f"mysql://u:{MARK}@h"}, {"fine": "\udcff"}]
    assert not redact_file(path, [SECRET])
    assert [p.name for p in tmp_path.iterdir()] == ["h.jsonl"]


def test_no_file_of_a_run_holds_a_secret(tmp_path: Path, topology: Topology) -> None:
    """Planted in a log, a reason, the evidence, an observation and the history, it is in no file."""
    record: Record = sample_record(topology)
    tainted = replace(
        record,
        scenarios=tuple(replace(r, reason=f"said {SECRET}", evidence=(f"got {SECRET}",)) for r in record.scenarios),
    )
    planted = Observation(
        3.0,
        "isolation/databases",
        "c",
        "login",
        f"db-{SECRET}",
        Outcome.OK,
        {"user": SECRET, "owner": True, "code": "0"},
    )
    history = History(tmp_path / HISTORY_FILE)
    history.append(planted)
    history.close()
    observations = [*sample_observations(topology), planted]
    write_run(tmp_path, tainted, observations, sample_logs(), [SECRET], topology=topology)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert {"record.json", "junit.xml", "index.html", "minio.log", HISTORY_FILE} <= {p.name for p in files}
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not [kind for kind, spelling in SPELLINGS.items() if spelling in text], path.name
    assert MARK in (tmp_path / "logs/minio.log").read_text(encoding="utf-8")
