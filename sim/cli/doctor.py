"""``sim doctor``: is this machine fit for a stack, and if not, what to do."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from sim.cli import options
from sim.errors import EXIT_PASS, EXIT_UNKNOWN, SimError

_SYMBOLS = {"ok": "✓", "warning": "!", "problem": "✗"}
_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command()
@click.option(
    "--provision", "install", is_flag=True, help="Install and start an engine first (Debian or Ubuntu, as root)."
)
@options.json_option
@click.pass_context
def doctor(context: click.Context, *, install: bool, as_json: bool) -> None:
    """Check the engine, what it has left, and what lies around. Exit 3 when a stack could not run here."""
    from sim.runtime.diagnosis import Check, Level, healthy  # noqa: PLC0415 - drivers load when an engine is really touched
    from sim.runtime.doctor import examine  # noqa: PLC0415
    from sim.runtime.provision import provision  # noqa: PLC0415

    checks: tuple[Check, ...] = ()
    if install:
        try:
            provision(lambda line: click.echo(line, err=True))
        except SimError as error:
            checks = (Check("engine", Level.PROBLEM, f"{error.what} {error.evidence}".strip(), error.next_step),)
    checks = checks or examine()
    fit = healthy(checks)
    if as_json:
        click.echo(json.dumps({"fit": fit, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            symbol = click.style(_SYMBOLS[check.level], fg=_COLOURS[check.level])
            click.echo(f"{symbol} {check.name:<{width}}  {check.found}")
            if check.advice:
                click.echo(f"  {'':<{width}}  → {check.advice}")
        click.echo("fit for a stack" if fit else "not fit for a stack yet")
    context.exit(EXIT_PASS if fit else EXIT_UNKNOWN)
