"""``sim compare``: did a change make it worse, beyond the noise? For people, and as a gate in CI."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from sim.cli import options
from sim.cli.compare_builds import Trial, is_build, try_builds
from sim.comparison.judgement import FEWEST_REPEATS, compare
from sim.comparison.model import LEAST_CHANGE, MUST_SEE, Comparison, Question
from sim.comparison.runs import read_build
from sim.errors import BadInput
from sim.judging import exit_code
from sim.preparing import Wanted
from sim.report.comparison import Row, document, heads, rows
from sim.report.comparison_junit import render_comparison_junit
from sim.report.comparison_page import render_comparison_html
from sim.report.write import JUNIT_FILE, PAGE_FILE
from sim.topology.model import EnvironmentName

DOCUMENT_FILE = "comparison.json"
_SPELT = {"topology_path": "--topology", "environment": "--env", "reports": "--report"}
_STYLES = {"pass": "green", "fail": "bold red", "unknown": "yellow"}
_ASCII = {"✗": "x", "↑": "+", "=": "=", "?": "?"}
_METRIC_COLUMNS = 20


@click.command(name="compare")
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME",
    help="Of runs: only this one. Of builds: play this one. Repeatable.",
)
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
@click.option(
    "--repeats",
    type=click.IntRange(FEWEST_REPEATS, 1000),
    default=10,
    show_default=True,
    metavar="N",
    help="Of builds: how often each is run.",
)
@click.option("--only", default="", metavar="NAME,…", help="Of builds: a stack of just what these services need.")
@options.topology_option
@options.environment_option
@options.limits_option
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of builds: repeat a comparison's choices.")
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    metavar="DIR",
    help="Of builds: where the folder of the comparison goes.",
)
@click.pass_context
def compare_runs(
    context: click.Context,
    *,
    before: str,
    after: str,
    scenarios: tuple[str, ...],
    metrics: tuple[str, ...],
    must_see: float,
    junit: Path | None,
    html: Path | None,
    as_json: bool,
    repeats: int,
    only: str,
    topology_path: Path | None,
    environment: EnvironmentName,
    limits: str,
    seed: int | None,
    reports: Path,
) -> None:
    """Compare two builds: a change is called one only beyond the noise between repeats.

    BEFORE and AFTER are images of a service, or of several; they are run in turns, on a stack of their own, and
    compared pair by pair. Nothing behind = means the image that a service has by itself:

    \b
    sim compare products-service= products-service=registry/products:1.3
    sim compare api-gateway=gw:1 api-gateway=gw:2 --scenario throughput/gateway

    Or each is a run's folder, or a folder of runs, the repeats: sim compare old new. Runs made in turns are compared
    pair by pair, too.

    Exit 0: nothing got worse by as much as must be seen; 1: something got worse; 3: the repeats cannot tell.
    """  # noqa: D301 - the control character tells click to keep the lines below it as they are
    question = Question(scenarios, metrics, min(LEAST_CHANGE, must_see / 100), must_see / 100)
    directory: Path | None = None
    if is_build(before) and is_build(after):
        wanted = Wanted(
            topology_path,
            environment,
            options.split_names(only),
            environment_limits=limits == "environment",
            enforce_limits=limits != "none",
        )
        old, new, directory = try_builds(before, after, Trial(wanted, scenarios, repeats, seed, reports))
        question = replace(question, scenarios=())  # patterns, and all that was played is meant
    else:
        _refuse_unheard(context, before, after)
        old, new = read_build(Path(before)), read_build(Path(after))
    found = compare(old, new, question)
    if directory is not None:
        _write(directory / JUNIT_FILE, render_comparison_junit(found))
        _write(directory / PAGE_FILE, render_comparison_html(found))
        _write(directory / DOCUMENT_FILE, _document(found))
    for path, render in ((junit, render_comparison_junit), (html, render_comparison_html)):
        if path is not None:
            _write(path, render(found))
    if as_json:
        click.echo(_document(found), nl=False)
    else:
        print_comparison(Console(), found)
        if directory is not None:
            click.echo(f"Report: {directory / PAGE_FILE}")
    context.exit(exit_code(found.status))


def _refuse_unheard(context: click.Context, before: str, after: str) -> None:
    """Runs that are there already were made with options of their own."""
    if is_build(before) != is_build(after):
        raise BadInput(
            f"One of {before!r} and {after!r} is a build, the other is not.", next_step="two builds, or two runs"
        )
    for name in ("repeats", "only", "topology_path", "environment", "limits", "seed", "reports"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = _SPELT.get(name, f"--{name}")
            raise BadInput(f"{option} is for builds: these runs were made already.", next_step=f"leave out {option}")


def _document(found: Comparison) -> str:
    return json.dumps(document(found), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


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
