"""``sim list``: every scenario, its claim and the section it rests on."""

from __future__ import annotations

import json

import click

from scenarios import SCENARIOS
from sim.cli import options
from sim.selection import select


@click.command("list")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]…")
@options.json_option
def list_scenarios(*, patterns: tuple[str, ...], as_json: bool) -> None:
    """List scenarios, all or those that match. ▣ needs the machine to itself, also under sim run --jobs."""
    chosen = select(SCENARIOS, patterns)
    if as_json:
        rows = [
            {
                "name": s.name,
                "claim": s.claim,
                "section": s.section,
                "needs": list(s.needs),
                "product_claim": s.product_claim,
                "essential": s.essential,
                "undisturbed": s.undisturbed,
                "source": s.source,
            }
            for s in chosen
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max(len(s.name) for s in chosen)
    for s in chosen:
        click.echo(f"{s.name:<{width}}  [{s.section}] {s.claim}{' ▣' if s.undisturbed else ''}")
