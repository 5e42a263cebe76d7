"""The end of a run on a terminal: one line a scenario, what failed last and in full, then the verdict.

Plain text where there is no terminal or ``NO_COLOR`` is set (rich sees to both); a verdict is a word and a symbol
before it is a colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sim.record import Record, ScenarioResult
from sim.report.printable import one_line
from sim.report.summary import (
    by_group,
    count,
    fidelity_word,
    known_contradictions,
    not_provable,
    sentence,
    unshown,
    word,
)
from sim.verdict import Status

_SYMBOLS = {"pass": "✓", "fail": "✗", "unknown": "?", "beyond": "≈", "known": "≠"}
_ASCII_SYMBOLS = {"pass": "+", "fail": "x", "unknown": "?", "beyond": "~", "known": "#"}
_STYLES = {"pass": "green", "fail": "bold red", "unknown": "yellow", "beyond": "cyan", "known": "magenta"}
_STATUS_STYLES = {Status.PASS: "bold green", Status.FAIL: "bold red", Status.UNKNOWN: "bold yellow"}
_MAX_NAME_COLUMNS = 46
_FEWEST_REASON_COLUMNS = 32
_EVIDENCE_LINES = 6


def print_record(console: Console, record: Record, report: Path | None = None) -> None:
    """Print the whole table. ``report`` is the page to open for more."""
    names = [len(r.name) for r in record.scenarios]
    name_columns = min(max(names, default=0), _MAX_NAME_COLUMNS)
    for members in by_group(record.scenarios).values():
        for result in members:
            _line(console, _row(console, record, result, name_columns))
    for title, apart in (
        ("Not provable on these images", not_provable(record)),
        ("As the document's own contradictions have it", known_contradictions(record)),
    ):
        if apart:
            _line(console, Text())
            _line(console, Text(title, style="bold"))
        for result in apart:
            _detail(console, result, ())
    for result in reversed(unshown(record)):
        _line(console, Text())
        _detail(console, result, result.evidence)
    _line(console, Text())
    verdict = Text(record.verdict.value, style=_STATUS_STYLES[record.verdict]).append(
        f"  {_fit(console, sentence(record))}", "default"
    )
    _wrapped(console, verdict, indent=0)
    _wrapped(console, Text(str(count(record)), style="dim"), indent=0)
    if report is not None:
        # A path is copied whole or clicked: never wrapped.
        console.print(Text(f"Report: {_fit(console, str(report))}"), soft_wrap=True)


def _row(console: Console, record: Record, result: ScenarioResult, name_columns: int) -> Text:
    kind = word(result)
    row = Text()
    row.append(f"{_symbol(console, kind)} {result.verdict:<7}", style=_STYLES[kind])
    row.append(f" {_fit(console, result.name):<{name_columns}}")
    row.append(f" {fidelity_word(record, result.fidelity):<13}", style="dim")
    if console.width - row.cell_len >= _FEWEST_REASON_COLUMNS:
        row.append(f" {_fit(console, one_line(result.reason))}", style="dim")
    else:
        row.rstrip()
    return row


def _detail(console: Console, result: ScenarioResult, evidence: Iterable[str]) -> None:
    kind = word(result)
    head = Text(f"{_symbol(console, kind)} {result.verdict} ", style=_STYLES[kind])
    head.append(f"{_fit(console, result.name)} [section {result.section}]", style="bold")
    if result.stack:
        head.append(f" on stack {_fit(console, result.stack)}")
    _wrapped(console, head, indent=0)
    _wrapped(console, Text(_fit(console, one_line(result.claim)), style="dim"), indent=2)
    _wrapped(console, Text(_fit(console, one_line(result.reason))), indent=2)
    lines = tuple(evidence)
    for line in lines[:_EVIDENCE_LINES]:
        _wrapped(console, Text(f"- {_fit(console, one_line(line))}"), indent=4)
    if len(lines) > _EVIDENCE_LINES:
        _wrapped(console, Text(f"- {len(lines) - _EVIDENCE_LINES} more in the report"), indent=4)


def _symbol(console: Console, kind: str) -> str:
    return (_ASCII_SYMBOLS if console.options.ascii_only else _SYMBOLS)[kind]


def _fit(console: Console, text: str) -> str:
    """``text`` as the terminal's encoding can write it."""
    encoding = console.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)


def _line(console: Console, text: Text) -> None:
    # The ellipsis is no ASCII.
    console.print(text, no_wrap=True, overflow="crop" if console.options.ascii_only else "ellipsis", highlight=False)


def _wrapped(console: Console, text: Text, *, indent: int) -> None:
    for wrapped in text.wrap(console, console.width - indent):
        wrapped.rstrip()
        console.print(Text(" " * indent).append_text(wrapped), highlight=False)
