"""``sim up``: the documented servers, ready to use, until ``sim down``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from sim.cli import options
from sim.cli.progress import rising, say
from sim.cli.stacks import print_status, status_document
from sim.errors import BadInput
from sim.preparing import Wanted, prepare, read_document
from sim.topology.model import EnvironmentName

_STACK_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@click.command()
@options.topology_option
@options.environment_option
@options.limits_option
@click.option("--only", default="", metavar="NAME,…", help="Just what these services or servers need.")
@click.option("--stack", "name", default="", metavar="ID", help="Name the stack; several can be up at once.")
@click.option("--keep-on-failure", is_flag=True, help="Leave a stack that did not come up, for a look.")
@options.json_option
def up(
    *,
    topology_path: Path | None,
    environment: EnvironmentName,
    limits: str,
    only: str,
    name: str,
    keep_on_failure: bool,
    as_json: bool,
) -> None:
    """Start the documented servers and leave them running."""
    from sim.runtime import state  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import LiveStack, attached, raised  # noqa: PLC0415

    if name and not _STACK_NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a stack.", next_step="lower-case letters, digits and dashes, at most 31")
    document = read_document(topology_path)
    wanted = Wanted(
        topology_path,
        environment,
        options.split_names(only),
        environment_limits=limits == "environment",
        enforce_limits=limits != "none",
        name=name,
    )
    client = connect()
    order = prepare(client, document, wanted, say)
    stack: LiveStack
    same = [
        s for s in state.remembered() if s == name or (not name and state.load(s).configuration == order.configuration)
    ]
    if same:
        stack = attached(client, same[0])
        if stack.memory.configuration != order.configuration:
            raise BadInput(
                f"Stack {name!r} is up with another configuration.",
                next_step=f"sim down --stack {name}, or another name",
            )
        say(f"already up: stack {stack.id}")
    else:
        names = tuple(server.name for server in order.plan_on("10.0.0.0/24").servers)
        with rising(names) as progress, raised(client, order, progress, keep_on_failure=keep_on_failure) as stack:
            stack.keep = True
    if as_json:
        click.echo(json.dumps(status_document(stack), indent=2))
    else:
        print_status(stack)
