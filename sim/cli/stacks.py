"""Looking at stacks that are up, and removing them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sim.cli import options
from sim.errors import EXIT_PASS, EXIT_UNKNOWN, BadInput
from sim.record import plain

if TYPE_CHECKING:
    from sim.runtime.stack import LiveStack

_FIDELITY_MARKS = {"documented": " ", "same-software": "◐", "stand-in": "○"}


def status_document(stack: LiveStack) -> dict[str, Any]:
    """The contract's ``status --json`` of one stack."""
    rows = stack.rows()
    ready = all(row.state == "ready" for row in rows)
    return {
        "stack": stack.id,
        "state": "ready" if ready else "degraded",
        "environment": stack.plan.environment,
        "namespace": stack.plan.namespace,
        "created_at": stack.memory.created_at,
        "servers": plain(rows),
        "departures": [
            {"server": d.server, "what": d.what, "reason": d.reason, "section": d.section}
            for d in stack.plan.departures
        ],
    }


def print_status(stack: LiveStack) -> None:
    """For people, within 80 columns."""
    document = status_document(stack)
    click.echo(f"stack {document['stack']}: {document['state']} ({document['environment']}, {document['namespace']})")
    width = max(len(row["name"]) for row in document["servers"])
    for row in document["servers"]:
        ports = " ".join(f"{name}={port}" for name, port in row["ports"].items())
        mark = {"ready": "✓", "starting": "…"}.get(row["state"], "✗")
        state = "" if row["state"] == "ready" else f"{row['state']} "
        near = _FIDELITY_MARKS[row["fidelity"]]
        click.echo(f"{mark} {near} {row['name']:<{width}}  {state}{ports}".rstrip())
    click.echo("◐ same software in another version or build · ○ a stand-in, other software")
    count = len(stack.plan.departures)
    ways = "1 way" if count == 1 else f"{count} ways"
    click.echo(f"Differs from the document in {ways}: sim status --json, or a run's report.")
    named = f" --stack {stack.id}"
    click.echo(f"Ports are on 127.0.0.1. Credentials: sim status{named} --secrets. Remove it all: sim down{named}")


@click.command()
@options.stack_option
@options.json_option
@click.option("--secrets", is_flag=True, help="Print the stack's generated credentials, for your own clients.")
@click.pass_context
def status(context: click.Context, *, stack: str | None, as_json: bool, secrets: bool) -> None:
    """Show each server's state, address, ports and fidelity. Exit 3 when one is not ready."""
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.stack import attached, choose  # noqa: PLC0415

    found = attached(connect(), choose(stack))
    if secrets:
        click.echo(
            json.dumps(dict(found.secrets), indent=2)
            if as_json
            else "\n".join(f"{k}={v}" for k, v in found.secrets.items())
        )
        return
    document = status_document(found)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        print_status(found)
    context.exit(EXIT_PASS if document["state"] == "ready" else EXIT_UNKNOWN)


@click.command()
@click.argument("name", metavar="NAME")
@options.stack_option
@click.option("--tail", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
def logs(*, name: str, stack: str | None, tail: int | None) -> None:
    """Print a server's log."""
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.stack import attached, choose  # noqa: PLC0415

    found = attached(connect(), choose(stack))
    known = [server.name for server in found.plan.servers]
    if name not in known:
        raise BadInput(f"No server {name!r} in stack {found.id}.", next_step=f"one of {', '.join(known)}")
    click.echo(found.engine.logs(name, tail=tail or "all"), nl=False)


@click.command()
@options.stack_option
@click.option("--all", "everything", is_flag=True, help="Every stack that was kept.")
def down(*, stack: str | None, everything: bool) -> None:
    """Remove a stack: its containers, network, volumes and credentials."""
    from sim.runtime import state  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import choose  # noqa: PLC0415
    from sim.runtime.sweeping import sweep as remove  # noqa: PLC0415

    client = connect()
    for stack_id in state.remembered() if everything else (choose(stack),):
        if everything and not state.load(stack_id).kept:
            continue
        with state.ownership(stack_id):
            swept = remove(client, stack_id)
        click.echo(
            f"stack {stack_id} is gone: {swept.containers} containers, "
            f"{swept.networks} networks, {swept.volumes} volumes"
        )


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also stacks that were kept or are in use.")
def sweep(*, everything: bool) -> None:
    """Remove what dead rigs left behind: whatever carries the label sim.stack and has no owner."""
    from sim.images.leftovers import remove_finished_tasks  # noqa: PLC0415 - drivers load when a stack is touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.sweeping import Swept, forget_vanished, orphans, stacks_present, sweep_all  # noqa: PLC0415

    client = connect()
    swept = sweep_all(client, stacks_present(client) if everything else orphans(client))
    swept += Swept(containers=remove_finished_tasks(client))
    forget_vanished(client)
    if swept.nothing:
        click.echo("nothing to sweep")
    else:
        click.echo(f"swept {swept.containers} containers, {swept.networks} networks, {swept.volumes} volumes")
