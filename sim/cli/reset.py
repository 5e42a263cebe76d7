"""``sim reset``: a stack that is up as it was when it had just come up, in a fraction of a down and an up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sim.cli import options
from sim.errors import EXIT_PASS, EXIT_UNKNOWN, BadInput
from sim.record import plain

if TYPE_CHECKING:
    from sim.fresh import Reset, Restored

_SHOWN = 6
_WIDTH = 80
_WORDS = {
    "faults": ("Faults", "mended"),
    "database": ("Databases", "rows taken away", "seeded rows put back"),
    "broker": ("Broker", "messages taken away", "definitions put right"),
    "objects": ("Buckets", "objects taken away", "seeded objects put back"),
    "cache": ("Cache", "keys taken away"),
    "services": ("Circuits", "open", "closed"),
}


@click.command()
@options.stack_option
@options.json_option
@click.pass_context
def reset(context: click.Context, *, stack: str | None, as_json: bool) -> None:
    """Make a stack that is up what it was when it had just come up; faster than sim down and sim up.

    Faults are healed, queues emptied, and databases, buckets, broker definitions and the cache are what they were:
    what sim seed, a scenario or you put there is gone. Canaries put everywhere first show that the look for what is
    left can see. Interrupted, it is done again by the same command. Exit 3 when something is left.
    """
    from sim.runtime import state  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import attached, choose  # noqa: PLC0415

    found = attached(connect(), choose(stack))
    if not found.memory.ready:
        raise BadInput(
            f"Stack {found.id!r} did not come up whole: it was never fresh.", next_step=f"sim down --stack {found.id}"
        )
    with state.ownership(found.id):
        done = found.reset()
    if as_json:
        click.echo(json.dumps(_document(found.id, done), indent=2))
    else:
        _print(found.id, done)
    context.exit(EXIT_UNKNOWN if done.problem else EXIT_PASS)


def _document(stack: str, done: Reset) -> dict[str, Any]:
    return {
        "stack": stack,
        "fresh": not done.problem,
        "took_s": done.took_s,
        "canaries": done.canaries,
        "unseen": list(done.unseen),
        "parts": plain(done.parts),
    }


def _print(stack: str, done: Reset) -> None:
    """For people, within 80 columns."""
    for kind, words in _WORDS.items():
        parts = done.of(kind)
        if parts:
            click.echo(f"{'✗' if any(one.left for one in parts) else '✓'} {words[0]:<10} {_counted(parts, words)}")
    click.echo(f"{'✗' if done.unseen else '✓'} {'Canaries':<10} {done.canaries} put there, {_told(done)}")
    left = [f"{one.part}: {what}" for one in done.parts for what in one.left]
    left += [f"{part}: its canary was not seen, so nothing is known of it" for part in done.unseen]
    for line in left[:_SHOWN]:
        click.echo(f"  {line}"[:_WIDTH])
    if len(left) > _SHOWN:
        click.echo(f"  and {len(left) - _SHOWN} more: sim reset --json")
    if done.problem:
        click.echo(f"stack {stack} is not fresh. Again: sim reset --stack {stack}")
    else:
        click.echo(f"stack {stack} is as it was when it came up, after {done.took_s:.1f} s")


def _told(done: Reset) -> str:
    if done.unseen:
        return f"{len(done.unseen)} not seen"
    return "all seen, none left" if not done.problem else "all seen"


def _counted(parts: tuple[Restored, ...], words: tuple[str, ...]) -> str:
    numbers = (sum(one.removed for one in parts), sum(one.returned for one in parts))
    if parts[0].kind == "services":
        numbers = (sum(len(one.found) for one in parts), numbers[1])
    told = ", ".join(f"{number} {word}" for number, word in zip(numbers, words[1:], strict=False))
    changed = sum(1 for one in parts if one.found)
    return f"{told} ({changed} of {len(parts)} servers)" if len(parts) > 1 else told
