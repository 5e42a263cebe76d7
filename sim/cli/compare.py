"""``sim compare``: did a change make it worse, beyond the noise? For people, and as a gate in CI."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from sim.cli import options
from sim.comparison.judgement import FEWEST_REPEATS, compare
from sim.comparison.model import LEAST_CHANGE, MUST_SEE, Comparison, Question
from sim.comparison.runs import read_build
from sim.errors import BadInput
from sim.judging import exit_code
from sim.report.comparison import Row, document, heads, rows
from sim.report.comparison_junit import render_comparison_junit
from sim.report.comparison_page import render_comparison_html

_STYLES = {"pass": "green", "fail": "bold red", "unknown": "yellow"}
_ASCII = {"✗": "x", "↑": "+", "=": "=", "?": "?"}
_METRIC_COLUMNS = 20


@click.command(name="compare")
@click.argument("before", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("after", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Only this one; repeatable.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this number of a record; repeatable.")
@click.option(
    "--must-see",
    type=click.FloatRange(1, 500),
    default=100 * MUST_SEE,
    show_default=True,
    metavar="PERCENT",
    help="A change for the worse that must not go unseen.",
)
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML, too.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page, too.")
@options.json_option
@click.pass_context
def compare_runs(
    context: click.Context,
    *,
    before: Path,
    after: Path,
    scenarios: tuple[str, ...],
    metrics: tuple[str, ...],
    must_see: float,
    junit: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Compare two builds by their runs: RUN_A before a change, RUN_B after it.

    Each is a run's folder or a folder of runs, the repeats. Repeats made in turns are compared pair by pair:

    \b
    for i in 1 2 3 4 5 6 7 8 9 10; do
      sim run 'throughput/*' --reuse --stack old --report old
      sim run 'throughput/*' --reuse --stack new --report new
    done
    sim compare old new --junit compare.xml

    A change is called one only beyond the noise between repeats. Exit 0: nothing got worse by as much as must be seen;
    1: something got worse; 3: the repeats cannot tell.
    """  # noqa: D301 - the control character tells click to keep the lines below it as they are
    question = Question(scenarios, metrics, min(LEAST_CHANGE, must_see / 100), must_see / 100)
    found = compare(read_build(before), read_build(after), question)
    for path, render in ((junit, render_comparison_junit), (html, render_comparison_html)):
        if path is not None:
            _write(path, render(found))
    if as_json:
        click.echo(json.dumps(document(found), sort_keys=True, indent=2, ensure_ascii=False))
    else:
        print_comparison(Console(), found)
    context.exit(exit_code(found.status))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}).", next_step="another file") from error


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Figures by scenario, within 80 columns; whatever is not plainly the same says why."""
    for name, value in heads(comparison):
        _line(console, Text(f"{name:<8}{value}"))
    last = ""
    for row in rows(comparison):
        if row.scenario != last:
            _line(console, Text(f"\n{row.scenario}", style="bold"))
            _line(console, Text(f"  {'':<{_METRIC_COLUMNS}} {'before':>9} {'after':>9} {'worse by':>9}", style="dim"))
            last = row.scenario
        _line(console, _figure(console, row))
        if row.kind != "pass":
            _line(console, Text(f"    {row.call.value}: {row.why}", style=_STYLES[row.kind]))
    status = comparison.status.value
    _line(console, Text(f"\n{status}", style=_STYLES[status.lower()]).append(f"  {comparison.sentence}", "default"))
    if any(0 < len(c.before) < FEWEST_REPEATS for c in comparison.changes):
        _line(
            console, Text(f"Repeats tell noise from change: {FEWEST_REPEATS} or more of each; see sim compare --help.")
        )


def _figure(console: Console, row: Row) -> Text:
    symbol = _ASCII[row.symbol] if console.options.ascii_only else row.symbol
    text = Text(f"{symbol} ", style=_STYLES[row.kind])
    text.append(f"{row.metric:<{_METRIC_COLUMNS}} {row.before:>9} {row.after:>9} {row.change:>9}", "default")
    return text.append(f"  {row.interval}", "dim")


def _line(console: Console, text: Text) -> None:
    encoding = console.encoding or "ascii"
    text.plain = text.plain.encode(encoding, "replace").decode(encoding)
    console.print(text, highlight=False)
