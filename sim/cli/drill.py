"""``sim drill``: one drill, watched while it goes on, with a page for whoever is on call at its end."""

from __future__ import annotations

import secrets
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from scenarios import SCENARIOS
from sim.cli import options
from sim.cli.drill_view import drill_view
from sim.cli.keep import Keep
from sim.cli.progress import say
from sim.cli.run import FAKE_SPEED, on_fake, on_kept, on_own, unless_empty
from sim.clock import ScaledClock, SystemClock
from sim.errors import BadInput
from sim.history import read_history
from sim.judging import exit_code
from sim.pipeline import Run
from sim.preparing import Wanted, read_document
from sim.record import HISTORY_FILE, TOPOLOGY_FILE, Record, read_text
from sim.report.runbook import HTML_FILE, MARKDOWN_FILE, as_html, as_markdown, runbook
from sim.report.terminal import print_record
from sim.report.write import PAGE_FILE, new_run_directory
from sim.scenario import Scenario
from sim.selection import select
from sim.topology.load import parse_topology

GROUP = "failover"


@click.command()
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--on", "stack", metavar="STACK", help="Drill a stack that is up (sim up), instead of one of its own.")
@click.option("--yes", is_flag=True, help="Do not ask before breaking something on a stack that is up.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat a drill's random choices.")
@click.option(
    "--runtime", type=click.Choice(("docker", "fake")), default="docker", show_default=True, help="As sim run."
)
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    metavar="DIR",
    help="Where the run's folder goes; the runbook is in it.",
)
@options.topology_option
@click.pass_context
def drill(
    context: click.Context,
    /,
    *,
    name: str | None,
    stack: str | None,
    yes: bool,
    seed: int | None,
    runtime: str,
    reports: Path,
    topology_path: Path | None,
) -> None:
    """Break something on purpose and watch what it costs. Without NAME: the drills there are."""
    if name is None:
        _list()
        return
    chosen = _chosen(name)
    if stack and (runtime == "fake" or topology_path):
        what = "--runtime fake" if runtime == "fake" else "--topology"
        raise BadInput(f"{what} would change nothing on a stack that is up.", next_step=f"leave out {what} or --on")
    if stack and not yes:
        _ask(chosen, stack)
    document = read_document(topology_path)
    wanted = Wanted(topology_path, kinds=frozenset(chosen.needs))
    drawn = secrets.randbelow(2**32) if seed is None else seed
    say(f"{chosen.name}: {chosen.claim}")
    say(f"seed {drawn}")
    directory = new_run_directory(reports, datetime.now(UTC))
    with unless_empty(directory), drill_view(say) as view:
        run = Run(
            document=document,
            environment="development",
            scenarios=(chosen,),
            seed=drawn,
            runtime=runtime,
            strict=False,
            directory=directory,
            clock=ScaledClock(FAKE_SPEED) if runtime == "fake" else SystemClock(),
            announce=lambda *_: None,
            listen=view.see,
        )
        if runtime == "fake":
            record = on_fake(run, wanted)
        else:
            record = on_kept(run, stack) if stack else on_own(run, wanted, Keep("never"))
    _write_runbook(directory, record, chosen)
    print_record(Console(), record, directory / PAGE_FILE)
    click.echo(f"Runbook: {directory / MARKDOWN_FILE}")
    context.exit(exit_code(record.verdict))


def _list() -> None:
    """Each drill with its claim, within a terminal's width."""
    width = max(len(_short(name)) for name in _drills())
    for name, scenario in _drills().items():
        click.echo(f"{_short(name):<{width}}  {_cut(scenario.claim, max(30, _columns() - width - 2))}")
    click.echo("sim drill NAME raises a stack of its own; --on STACK drills yours; --runtime fake shows how it looks.")


def _drills() -> dict[str, Scenario]:
    return {name: scenario for name, scenario in SCENARIOS.items() if scenario.group == GROUP}


def _short(name: str) -> str:
    return name.removeprefix(f"{GROUP}/")


def _columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


def _chosen(name: str) -> Scenario:
    """One drill. Raises BadInput with near names, or for a pattern that means several."""
    found = select(_drills(), (name if "/" in name else f"{GROUP}/{name}",))
    if len(found) > 1:
        raise BadInput(
            f"{name!r} means {len(found)} drills.", next_step=f"one of them, such as {_short(found[0].name)}"
        )
    return found[0]


def _ask(scenario: Scenario, stack: str) -> None:
    """Raises BadInput where nobody can be asked, or the answer is no."""
    if not sys.stdin.isatty():
        raise BadInput(f"Nobody can be asked whether to break something on stack {stack}.", next_step="add --yes")
    kinds = ", ".join(scenario.needs)
    if not click.confirm(f"{scenario.name} breaks servers of stack {stack} ({kinds}) and heals them again. Go on?"):
        raise BadInput("Nothing was broken.", next_step="answer y, or drill a stack of its own: leave out --on")


def _write_runbook(directory: Path, record: Record, scenario: Scenario) -> None:
    result = next(r for r in record.scenarios if r.name == scenario.name)
    path = directory / TOPOLOGY_FILE
    seen = [o for o in read_history(directory / HISTORY_FILE) if o.scenario == scenario.name]
    sections = runbook(record, result, seen, parse_topology(read_text(path), str(path)))
    title = f"Runbook: {scenario.name}"
    (directory / MARKDOWN_FILE).write_text(as_markdown(title, sections), encoding="utf-8")
    (directory / HTML_FILE).write_text(as_html(title, sections), encoding="utf-8")
