"""Looking at stacks that are up, and removing them."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import click

from sim.cli import options
from sim.cli.welcome import welcome
from sim.errors import EXIT_PASS, EXIT_UNKNOWN, BadInput
from sim.record import ServerRow, plain

if TYPE_CHECKING:
    from sim.plan.model import Plan
    from sim.runtime.stack import LiveStack

_FIDELITY_MARKS = {"documented": " ", "same-software": "◐", "stand-in": "○"}


def status_document(stack: LiveStack, rows: tuple[ServerRow, ...]) -> dict[str, Any]:
    """The contract's ``status --json`` of one stack, whose servers are as ``rows`` say."""
    ready = all(row.state == "ready" for row in rows)
    return {
        "stack": stack.id,
        "state": "ready" if ready else "degraded",
        "environment": stack.plan.environment,
        "namespace": stack.plan.namespace,
        "created_at": stack.memory.created_at,
        "servers": plain(rows),
        "next": welcome(stack.id, stack.plan, rows).document(),
        "departures": [
            {"server": d.server, "what": d.what, "reason": d.reason, "section": d.section}
            for d in stack.plan.departures
        ],
    }


def print_status(stack: LiveStack, rows: tuple[ServerRow, ...], *, hints: list[str]) -> None:
    """For people, within 80 columns. ``hints`` come before the last lines."""
    document = status_document(stack, rows)
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
    for hint in hints:
        click.echo(hint)
    named = f" --stack {stack.id}"
    click.echo("Ports        on 127.0.0.1 alone")
    click.echo(f"Credentials  sim status{named} --secrets")
    click.echo(f"Remove it    sim down{named}")


@click.command()
@options.stack_option
@options.json_option
@click.option("--secrets", is_flag=True, help="Print the stack's generated credentials, for your own clients.")
@click.pass_context
def status(context: click.Context, *, stack: str | None, as_json: bool, secrets: bool) -> None:
    """Show each server's state, address, ports and fidelity. Exit 3 when one is not ready."""
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.freshness import is_half_reset  # noqa: PLC0415
    from sim.runtime.pledges import pledged  # noqa: PLC0415
    from sim.runtime.stack import choose, visited  # noqa: PLC0415

    found = visited(connect(), choose(stack))
    if secrets:
        click.echo(
            json.dumps(dict(found.secrets), indent=2)
            if as_json
            else "\n".join(f"{k}={v}" for k, v in found.secrets.items())
        )
        return
    rows = found.rows()
    document = status_document(found, rows)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        broken = [
            f"In force: {p.fault} of {', '.join(p.targets)}. Mend it: sim fault heal --all" for p in pledged(found.id)
        ]
        if is_half_reset(found.id):
            broken.append(f"Half reset: neither used nor fresh. Go on: sim reset --stack {found.id}")
        print_status(found, rows, hints=[*welcome(found.id, found.plan, rows).brief(), *broken])
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
    click.echo(found.engine.logs(_server_called(name, found.plan), tail=tail or "all"), nl=False)


def _server_called(name: str, plan: Plan) -> str:
    """A server's name, or that of its only replica's Service. Raises BadInput with what was probably meant."""
    known = [server.name for server in plan.servers]
    pods = [server.name for server in plan.servers if server.app == name]
    if name in known:
        return name
    if len(pods) == 1:
        return pods[0]
    near = pods or difflib.get_close_matches(name, known, n=3) or known
    raise BadInput(f"No server is called {name!r} in this stack.", next_step=f"one of {', '.join(near)}")


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
    from sim.runtime import state  # noqa: PLC0415
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import heal_abandoned  # noqa: PLC0415
    from sim.runtime.sweeping import Swept, forget_vanished, orphans, stacks_present, sweep_all  # noqa: PLC0415

    client = connect()
    swept = sweep_all(client, stacks_present(client) if everything else orphans(client))
    swept += Swept(containers=remove_finished_tasks(client))
    forget_vanished(client)
    for stack_id in state.remembered():
        for one in heal_abandoned(client, stack_id):
            click.echo(f"healed on stack {stack_id}: {one.fault} of {', '.join(one.targets)}")
    if swept.nothing:
        click.echo("nothing to sweep")
    else:
        click.echo(f"swept {swept.containers} containers, {swept.networks} networks, {swept.volumes} volumes")
