"""``sim up``: the documented servers, ready to use, until ``sim down``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.progress import rising, say
from sim.cli.stacks import print_status, status_document
from sim.cli.welcome import welcome
from sim.errors import EXIT_PASS, EXIT_UNKNOWN, BadInput
from sim.preparing import Wanted, check_names, prepare, read_document
from sim.topology.model import EnvironmentName

if TYPE_CHECKING:
    import docker

    from sim.runtime.stack import LiveStack, Order

_STACK_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@click.command()
@options.topology_option
@options.environment_option
@options.limits_option
@options.image_option
@options.policies_option
@click.option("--only", default="", metavar="NAME,…", help="Just what these services or servers need.")
@click.option("--stack", "name", default="", metavar="ID", help="Name the stack; several can be up at once.")
@click.option("--keep-on-failure", is_flag=True, help="Leave a stack that did not come up, for a look.")
@options.json_option
@click.pass_context
def up(
    context: click.Context,
    *,
    topology_path: Path | None,
    environment: EnvironmentName,
    limits: str,
    images: tuple[str, ...],
    policies: Path | None,
    no_policies: bool,
    only: str,
    name: str,
    keep_on_failure: bool,
    as_json: bool,
) -> None:
    """Start the documented servers and leave them running."""
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.stack import raised  # noqa: PLC0415

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
        images=options.named_images(images),
        enforce_policies=not no_policies,
        policies=options.given_policies(policies, none=no_policies),
    )
    check_names(document, wanted)
    client = connect()
    order = prepare(client, document, wanted, say)
    stack = _standing(client, order)
    if stack is not None:
        say(f"already up: stack {stack.id}")
    else:
        names = tuple(server.name for server in order.plan_on("10.0.0.0/24").servers)
        with rising(names) as progress, raised(client, order, progress, keep_on_failure=keep_on_failure) as stack:
            stack.keep = True
    rows = stack.rows()
    standing = status_document(stack, rows)
    if as_json:
        click.echo(json.dumps(standing, indent=2))
    else:
        print_status(stack, rows, hints=welcome(stack.id, stack.plan, rows).lines(stack.secrets))
    context.exit(EXIT_PASS if standing["state"] == "ready" else EXIT_UNKNOWN)


def _standing(client: docker.DockerClient, order: Order) -> LiveStack | None:
    """A stack that was left up and is what is asked for now. Raises BadInput when its name means another one."""
    from sim.runtime import state  # noqa: PLC0415
    from sim.runtime.stack import attached, claimed  # noqa: PLC0415

    if not order.name:
        memories = (state.load(stack_id) for stack_id in state.remembered())
        same = [m.id for m in memories if m.kept and m.ready and m.configuration == order.configuration]
        return attached(client, same[-1]) if same else None
    memory = claimed(client, order.name)
    if memory is None:
        return None
    if not memory.ready or memory.configuration != order.configuration:
        state_of = "is up with another configuration" if memory.ready else "did not come up and was kept for a look"
        raise BadInput(f"Stack {order.name!r} {state_of}.", next_step=f"sim down --stack {order.name}, or another name")
    return attached(client, memory.id)
