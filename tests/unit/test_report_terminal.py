"""The end of a run on a terminal: 80 columns, failures last, words before colours, nothing obeyed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sim.record import Record
from sim.report.terminal import print_record
from sim.verdict import Status
from tests.unit.report_sample import sample_record, sample_topology


@pytest.fixture(scope="module")
def record() -> Record:
    return sample_record(sample_topology())


def _printed(record: Record, *, encoding: str = "utf-8", terminal: bool = False, report: Path | None = None) -> str:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding, newline="\n")
    console = Console(file=stream, width=80, force_terminal=terminal, color_system="standard" if terminal else None)
    print_record(console, record, report)
    stream.flush()
    return buffer.getvalue().decode(encoding)


def test_one_line_a_scenario_then_what_failed(record: Record) -> None:
    """Each scenario has its line; failures come after with claim, reason and evidence; the verdict is last."""
    lines = _printed(record, report=Path("reports/latest/index.html")).splitlines()
    for result in record.scenarios:
        assert any(result.name in line and result.verdict in line for line in lines[: len(record.scenarios)])
    text = "\n".join(lines[len(record.scenarios) :])
    order = [
        text.index("Not provable on these images"),
        text.index("mysqld-exporter: connection reset by peer"),
        text.index("an anonymous client read an object of bucket sav"),
        text.index("anonymous GET sav/attachment-1.pdf: 200"),
        text.index("FAIL  2 of 18 claims do not hold"),
        text.index("15 passed, 2 failed, 1 unknown, 1 not provable"),
        text.index("Report: reports/latest/index.html"),
    ]
    assert order == sorted(order)


def test_nothing_is_wider_than_the_terminal(record: Record) -> None:
    """80 columns hold it, long names and reasons too; the path alone is never broken."""
    long = replace(record.scenarios[0], name="conformance/" + "n" * 90, reason="r" * 300)
    path = Path("/very" * 30) / "index.html"
    *lines, last = _printed(replace(record, scenarios=(*record.scenarios, long)), report=path).splitlines()
    assert max(map(len, lines)) <= 80
    assert last == f"Report: {path}"


def test_without_a_terminal_it_is_plain_text(record: Record) -> None:
    """No colour codes in a file or a pipe; on a terminal there are some."""
    assert "\x1b" not in _printed(record)
    assert "\x1b[" in _printed(record, terminal=True)


def test_no_colour_is_honoured(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves no colour; the verdict is still a word and a symbol."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = _printed(record, terminal=True)
    assert "\x1b[31m" not in text
    assert "\x1b[32m" not in text
    assert "✗ FAIL" in text.replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_a_terminal_that_knows_ascii_only_gets_ascii(record: Record) -> None:
    """A C locale neither fails nor loses the verdict."""
    tainted = replace(record, scenarios=(replace(record.scenarios[0], reason="café → ✗", verdict=Status.FAIL),))
    text = _printed(tainted, encoding="ascii")
    assert "x FAIL" in text
    assert "caf?" in text


def test_what_servers_wrote_is_shown_not_obeyed(record: Record) -> None:
    """Terminal escapes and markup in evidence do nothing."""
    hostile = "\x1b[2J\x1b]0;title\x07[bold red]x[/bold red] :smile: \x08\x07\r"
    tainted = replace(
        record, scenarios=(replace(record.scenarios[0], verdict=Status.FAIL, reason=hostile, evidence=(hostile,)),)
    )
    text = _printed(tainted)
    assert not set(text) & {"\x1b", "\x07", "\x08", "\r"}
    assert "[bold red]x[/bold red] :smile:" in text


def test_an_empty_run_says_so(record: Record) -> None:
    """No scenario: UNKNOWN and the reason."""
    text = _printed(replace(record, scenarios=(), verdict=Status.UNKNOWN))
    assert "UNKNOWN  No scenario ran, so nothing was shown." in text
