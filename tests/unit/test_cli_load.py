"""``sim load`` at a gateway of a few lines: what it asks for, what it tells, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli.app import cli
from sim.errors import BadInput
from tests.unit.tiny_gateway import TinyGateway, tiny_gateway

_SIM = [sys.executable, "-m", "sim", "load"]


def _load(tiny: TinyGateway, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_SIM, "--url", tiny.url, "--duration", "1", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )


def test_a_load_is_told_in_eighty_columns_and_kept_as_a_histogram(tmp_path: Path) -> None:
    """Rates, percentiles, kinds, errors and the generator itself; shoppers at a stranger's gateway only look."""
    with tiny_gateway() as tiny:
        tiny.status = lambda _method, path: 503 if path == "/api/questions" else None
        done = _load(tiny, "--rate", "40", "--seed", "3", "--hdr", str(tmp_path / "load.hgrm"))
    # On a machine that is busy with other things a generator may have to own up to being late.
    assert done.returncode == (3 if "generator saturated" in done.stdout else 0), done.stderr
    told = done.stdout.splitlines()
    assert max(map(len, told)) <= 80
    assert any("40 requests due in 1.0 s" in line for line in told)
    assert any("generator: 1 process" in line for line in told)
    assert {method for method, _, _ in tiny.seen} == {"GET"}
    assert "Percentile" in (tmp_path / "load.hgrm").read_text()


def test_json_is_one_document_and_writing_is_asked_for() -> None:
    """The machine's summary has the same numbers; with --writing, customers are enrolled and sign in."""
    with tiny_gateway() as tiny:
        done = _load(tiny, "--rate", "30", "--json", "--writing", "--mix", "sign-in=50,browse=50")
    document = json.loads(done.stdout)
    assert document["due"] == 30 == document["good"] + sum(document["errors"].values())
    assert done.returncode == (3 if document["generator"]["saturated"] else 0)
    assert any(path == "/api/auth/register" for _, path, _ in tiny.seen)


def test_ctrl_c_ends_the_load_and_tells_what_was_seen() -> None:
    """Exit code 130, an honest part of a summary, no process left."""
    with tiny_gateway() as tiny:
        words = [*_SIM, "--url", tiny.url, "--rate", "20", "--duration", "60"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while len(tiny.seen) < 90:  # enrolling, warm-up, and a second of the load
                assert process.poll() is None
                os.sched_yield()
            process.send_signal(signal.SIGINT)
            told, complaints = process.communicate(timeout=30)
    assert process.returncode == 130, complaints
    assert "cut short" in told
    assert "Traceback" not in complaints


@pytest.mark.parametrize(
    "words",
    [
        ("--rate", "0"),
        ("--rate", "nan"),
        ("--duration", "soon"),
        ("--duration", "0s"),
        ("--duration", "9h"),
        ("--rate", "5000", "--duration", "1h"),
        ("--mix", "dance=1"),
        ("--mix", "checkout=1"),
        ("--bind", "0.0.0.0:5557"),
        ("--remote", "2"),
        ("--stack", "x"),
        ("--users", "0"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_next_step(words: tuple[str, ...]) -> None:
    """Bad input, exit code 2, before anything is asked of anybody."""
    with tiny_gateway() as tiny:
        outcome = CliRunner().invoke(cli, ["load", "--url", tiny.url, *words])
        assert not tiny.seen
    assert outcome.exit_code == 2 or isinstance(outcome.exception, BadInput), outcome.output
    if isinstance(outcome.exception, BadInput):
        assert outcome.exception.next_step


def test_nobody_at_the_url_is_bad_input() -> None:
    """No generator is started against a closed port."""
    outcome = CliRunner().invoke(cli, ["load", "--url", "http://127.0.0.1:9"])
    assert isinstance(outcome.exception, BadInput)
    assert "No gateway answers" in str(outcome.exception)
