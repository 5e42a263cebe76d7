"""``sim judge DIR``: take the verdicts of a finished run again, from its files alone. Nothing is rewritten."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from scenarios import SCENARIOS
from sim.judging import exit_code, judge_run
from sim.record import RECORD_FILE, Record, plain, read_record
from sim.report.terminal import print_record
from sim.report.write import PAGE_FILE, find_run


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Count what these images cannot show, and known contradictions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def judge(context: click.Context, directory: Path, *, strict: bool, as_json: bool) -> None:
    """Judge the run in DIR again from its files; no engine is needed and nothing is rewritten."""
    run = find_run(directory)
    recorded = read_record(run / RECORD_FILE)
    again = judge_run(run, SCENARIOS, strict=True if strict else None)
    changes = differences(recorded, again)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "run_id": again.run_id,
                    "verdict": again.verdict,
                    "recorded_verdict": recorded.verdict,
                    "strict": again.strict,
                    "scenarios": plain(again.scenarios),
                    "differences": changes,
                },
                sort_keys=True,
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        console = Console()
        page = run / PAGE_FILE
        print_record(console, again, page if page.exists() else None)
        for change in changes:
            console.print(
                f"{change['name']}: recorded {change['recorded']}, now {change['now']} ({change['reason']})",
                markup=False,
                highlight=False,
            )
        if changes:
            console.print("The verdicts differ from the recorded ones: this sim judges otherwise, or files changed.")
    context.exit(exit_code(again.verdict))


def differences(recorded: Record, again: Record) -> list[dict[str, str]]:
    """Where judging again gave another result than the record holds, by scenario."""
    return [
        {
            "name": now.name,
            "recorded": before.verdict.value,
            "now": now.verdict.value,
            "reason": now.reason if before.verdict is not now.verdict else "same verdict, other evidence or numbers",
        }
        for before, now in zip(recorded.scenarios, again.scenarios, strict=True)
        if before != now
    ]
