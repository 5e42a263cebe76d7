"""``sim fault``: break something on a stack that is up, see that it broke, and mend it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sim.cli import options
from sim.cli.progress import say
from sim.clock import SystemClock
from sim.errors import EXIT_PASS, EXIT_UNKNOWN, BadInput
from sim.faults.stage import stage_on
from sim.faults.table import FAULTS, Ask, kind_of, made
from sim.topology.load import parse_topology
from sim.topology.quantities import parse_duration_s, parse_memory_bytes

if TYPE_CHECKING:
    from sim.remedy import Pledge
    from sim.runtime.stack import LiveStack


@click.group()
def fault() -> None:
    """Break something on a stack that is up (sim up), and mend it.

    \b
    sim fault list                                   every fault, and those in force
    sim fault inject partition redis --against auth-service
    sim fault inject latency redis --delay 200ms --jitter 50ms --for 1m
    sim fault heal --all
    """  # noqa: D301 - the control character tells click to keep the lines below it as they are


@fault.command("list")
@options.stack_option
@options.json_option
def list_faults(*, stack: str | None, as_json: bool) -> None:
    """Every fault there is, and those in force on the stack, or on any."""
    from sim.runtime import pledges, state  # noqa: PLC0415 - only who looks at a stack pays for it
    from sim.runtime.stack import choose  # noqa: PLC0415

    stacks = (choose(stack),) if stack else state.remembered()
    kept = [(name, one) for name in stacks for one in pledges.pledged(name)]
    if as_json:
        document = {
            "faults": [{"name": name, "summary": kind.summary} for name, kind in FAULTS.items()],
            "in_force": [_row(name, one) for name, one in kept],
        }
        click.echo(json.dumps(document, indent=2))
        return
    width = max(map(len, FAULTS))
    for name, kind in FAULTS.items():
        told = " ".join(_option(option) for option in kind.options) + (" --against" if kind.takes_peers else "")
        click.echo(f"{name:<{width}}  {kind.summary}" + (f"  [{told.strip()}]" if told.strip() else ""))
    click.echo("")
    for name, one in kept:
        click.echo(f"in force on stack {name}: {_told(one)}")
    if not kept:
        click.echo("none is in force")


def _row(stack: str, pledge: Pledge) -> dict[str, Any]:
    return {
        "stack": stack,
        "fault": pledge.fault,
        "targets": list(pledge.targets),
        "began_at": pledge.began_at,
        "by_hand": pledge.by_hand,
        "options": pledge.options,
    }


def _told(pledge: Pledge) -> str:
    age_s = (datetime.now(UTC) - datetime.fromisoformat(pledge.began_at)).total_seconds()
    return f"{pledge.fault} of {', '.join(pledge.targets)} {pledge.options}".rstrip() + f", for {age_s:.0f} s"


def _option(name: str) -> str:
    return {"rate_bytes_per_s": "--rate"}.get(name, "--" + name.removesuffix("_s").replace("_", "-"))


def _duration(_context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    return _quantity(parameter, value, parse_duration_s)


def _rate(_context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    return _quantity(parameter, value, parse_memory_bytes)


def _quantity(parameter: click.Parameter, value: str | None, parse: Callable[[object], float | int]) -> float | None:
    if value is None:
        return None
    try:
        return float(parse(value))
    except ValueError as error:
        raise BadInput(f"{parameter.opts[0]} {value}: {error}.", next_step="sim fault inject --help") from error


@fault.command()
@click.argument("name", metavar="NAME")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@click.option("--against", multiple=True, metavar="SERVER", help="The other side; repeatable. Default: everyone else.")
@click.option("--one-way", is_flag=True, help="Of a partition: only what TARGETs send vanishes.")
@click.option("--delay", callback=_duration, metavar="DURATION", help="Of latency, such as 200ms.")
@click.option("--jitter", callback=_duration, metavar="DURATION", help="Of latency: as much more or less.")
@click.option("--percent", type=click.FloatRange(0.1, 100.0), metavar="P", help="Of loss: packets dropped each way.")
@click.option("--rate", callback=_rate, metavar="BYTES", help="Of bandwidth: bytes a second each way, such as 100Ki.")
@click.option("--cores", type=click.FloatRange(0.01, 64.0), metavar="N", help="Of cpu: cores that are left.")
@click.option("--share", type=click.FloatRange(0.1, 10.0), metavar="X", help="Of memory: of what it holds now.")
@click.option("--for", "lasting_s", callback=_duration, metavar="DURATION", help="Heal it then. Default: by hand.")
@options.stack_option
@click.pass_context
def inject(
    context: click.Context,
    /,
    *,
    name: str,
    targets: tuple[str, ...],
    against: tuple[str, ...],
    stack: str | None,
    lasting_s: float | None,
    one_way: bool,
    **measures: float | None,
) -> None:
    """Put a fault in force on servers (or all pods of an application, or a zone), and say what was seen of it."""
    from sim.runtime import state  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import choose, visited  # noqa: PLC0415
    from sim.runtime.watchdog import watched  # noqa: PLC0415

    given = {_key(key): value for key, value in measures.items() if value is not None}
    if one_way:
        given["one_way"] = 1.0
    if not kind_of(name).stays and lasting_s is None and name == "crash-loop":
        raise BadInput(f"{name} lives only as long as this command.", next_step="add --for 30s")
    found = visited(connect(), choose(stack))
    topology = parse_topology(found.memory.topology, f"the topology of stack {found.id}")
    chosen = made(Ask(name, targets, against, given), found.plan, topology, _ready(found))
    played = stage_on(found, topology, SystemClock())
    # Until it is left in force by hand, the watchdog heals it should this process die.
    with state.ownership(found.id), watched(found.id) as leash:
        handle = chosen.inject(played)
        effective = handle.__enter__()
        injected = [o for o in played.history if o.op == "fault"][-1]
        told = str(injected.detail.get("evidence", ""))
        if not effective:
            handle.__exit__(None, None, None)
            leash.release()
            click.echo(f"{name}: no effect was seen, and it was taken back. {told}", err=True)
            context.exit(EXIT_UNKNOWN)
        say(f"in force: {told}")
        if lasting_s is not None or not kind_of(name).stays:
            try:
                played.clock.sleep_s(lasting_s or 0.0)
            finally:
                handle.__exit__(None, None, None)
            say(f"healed: {[o for o in played.history if o.op == 'fault'][-1].detail['evidence']}")
        else:
            handle.leave(_as_typed(against, given))
            say(f"Heal it: sim fault heal --all --stack {found.id}")
        leash.release()
    context.exit(EXIT_PASS)


def _as_typed(against: Sequence[str], given: Mapping[str, float]) -> str:
    """The options, for the list of what is in force."""
    words = [f"--against {name}" for name in against]
    words += [_option(name) if name == "one_way" else f"{_option(name)} {value:g}" for name, value in given.items()]
    return " ".join(words)


def _key(option: str) -> str:
    return {"delay": "delay_s", "jitter": "jitter_s", "rate": "rate_bytes_per_s"}.get(option, option)


def _ready(stack: LiveStack) -> Callable[[str], bool]:
    return lambda server: stack.probe(stack.plan.server(server))() is None


@fault.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]…")
@click.option("--all", "everything", is_flag=True, help="Every fault in force on the stack.")
@options.stack_option
def heal(*, targets: tuple[str, ...], everything: bool, stack: str | None) -> None:
    """Mend the faults in force on the servers named, or all of them, and wait until those serve again."""
    from sim.runtime import pledges, state  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import attached, choose  # noqa: PLC0415

    if bool(targets) == everything:
        raise BadInput("Which faults?", next_step="sim fault heal TARGET, or --all; sim fault list shows them")
    found = attached(connect(), choose(stack))
    with state.ownership(found.id):
        mended = pledges.heal(
            found.id,
            found.engine,
            lambda one: everything or bool(set(one.targets) & set(targets)),
            found.wait_ready,
        )
    for one in mended:
        click.echo(f"healed: {one.fault} of {', '.join(one.targets)}")
    if not mended:
        click.echo("nothing to heal")
