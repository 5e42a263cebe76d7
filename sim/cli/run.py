"""``sim run``: a stack of its own, scenarios, verdicts, a report; nothing is left behind unless asked for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from scenarios import SCENARIOS
from sim.cli import options
from sim.cli.keep import Keep
from sim.cli.progress import announce, rising, say
from sim.cli.several import on_several, stacks_for
from sim.clock import ScaledClock, SystemClock
from sim.errors import BadInput
from sim.judging import exit_code
from sim.pipeline import Run
from sim.preparing import Document, Wanted, check_names, prepare, read_document
from sim.record import Record
from sim.report.terminal import print_record
from sim.report.write import PAGE_FILE, new_run_directory
from sim.selection import lasting, select
from sim.topology.load import parse_topology
from sim.topology.model import EnvironmentName

# A rehearsal without containers need not take a drill's real seconds.
FAKE_SPEED = 20.0
_SPELT = {"topology_path": "--topology", "environment": "--env", "images": "--image", "no_policies": "--no-policies"}
_IN_MEMORY = {
    "keep": "nothing stays up after a rehearsal in memory",
    "images": "a rehearsal in memory runs no image",
}


@click.command()
@click.argument("patterns", nargs=-1, metavar="[PATTERN]…")
@options.topology_option
@options.environment_option
@options.limits_option
@options.image_option
@options.policies_option
@click.option("--essential", is_flag=True, help="Of the matching scenarios, only the essential ones.")
@click.option("--reuse", is_flag=True, help="Rehearse on a stack that is up (sim up) instead of raising one.")
@options.stack_option
@click.option(
    "--keep",
    type=click.Choice(("never", "on-failure", "always")),
    default="never",
    show_default=True,
    help="Leave this run's stack up afterwards.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="How long to play what can be played for any time (failover/game-day).",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Rehearse on N stacks at the same time; what measures the machine (sim list) comes last, by itself.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat a run's random choices.")
@click.option(
    "--runtime",
    type=click.Choice(("docker", "fake")),
    default="docker",
    show_default=True,
    help="Real servers in containers, or an in-memory rehearsal that proves nothing about servers.",
)
@click.option("--strict", is_flag=True, help="Count what these images cannot show, and known contradictions.")
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    metavar="DIR",
    help="Where run folders go.",
)
@click.pass_context
def run(
    context: click.Context,
    *,
    patterns: tuple[str, ...],
    topology_path: Path | None,
    environment: EnvironmentName,
    limits: str,
    images: tuple[str, ...],
    policies: Path | None,
    no_policies: bool,
    essential: bool,
    reuse: bool,
    stack: str | None,
    keep: str,
    minutes: float | None,
    jobs: int,
    seed: int | None,
    runtime: str,
    strict: bool,
    reports: Path,
) -> None:
    """Rehearse the scenarios that match (all by default), judge what was seen and write a report."""
    chosen = select(SCENARIOS, patterns, essential_only=essential)
    if not chosen:
        raise BadInput("None of the matching scenarios is essential.", next_step="leave out --essential")
    chosen = lasting(chosen, minutes)
    if stack and not reuse:
        raise BadInput("--stack names a stack to rehearse on.", next_step="add --reuse")
    if reuse and runtime == "fake":
        raise BadInput("A fake platform is made anew for each run.", next_step="leave out --reuse or --runtime fake")
    _refuse_unheard(context, reuse=reuse, fake=runtime == "fake")
    jobs = stacks_for(chosen, jobs, reuse=reuse, keep=keep)
    document = read_document(topology_path)
    wanted = Wanted(
        topology_path,
        environment,
        kinds=frozenset(kind for scenario in chosen for kind in scenario.needs),
        environment_limits=limits == "environment",
        enforce_limits=limits != "none",
        images=options.named_images(images),
        enforce_policies=not no_policies,
        policies=options.given_policies(policies, none=no_policies),
    )
    check_names(document, wanted)
    drawn = secrets.randbelow(2**32) if seed is None else seed
    say(f"seed {drawn}")
    plan = Run(
        document=document,
        environment=environment,
        scenarios=chosen,
        seed=drawn,
        runtime=runtime,
        strict=strict,
        directory=new_run_directory(reports, datetime.now(UTC)),
        clock=ScaledClock(FAKE_SPEED) if runtime == "fake" else SystemClock(),
        announce=announce,
    )
    with unless_empty(plan.directory):
        if jobs > 1:
            record = on_several(plan, wanted, jobs, Keep(keep))
        elif runtime == "fake":
            record = on_fake(plan, wanted)
        elif reuse:
            record = on_kept(plan, stack)
        else:
            record = on_own(plan, wanted, Keep(keep))
    print_record(Console(), record, plan.directory / PAGE_FILE)
    context.exit(exit_code(record.verdict))


def _refuse_unheard(context: click.Context, *, reuse: bool, fake: bool) -> None:
    """An option that would change nothing is a misunderstanding; better said than ignored."""
    settled = ("topology_path", "environment", "limits", "images", "policies", "no_policies") if reuse else ()
    unkept = ("keep", "images") if fake else ("keep",) if reuse else ()
    for name in (*settled, *unkept):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = _SPELT.get(name, f"--{name}")
            why = "the stack that is up decides it" if reuse else _IN_MEMORY[name]
            raise BadInput(f"{option} would change nothing here: {why}.", next_step=f"leave out {option}")


@contextmanager
def unless_empty(directory: Path) -> Iterator[None]:
    """A run that never began leaves no folder."""
    try:
        yield
    finally:
        if not any(directory.iterdir()):
            directory.rmdir()


def on_own(plan: Run, wanted: Wanted, keep: Keep) -> Record:
    """On a stack raised for this run alone."""
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.stack import raised  # noqa: PLC0415

    client = connect()
    began_s = time.monotonic()
    order = prepare(client, plan.document, wanted, say)
    prepared_s = time.monotonic()
    names = tuple(server.name for server in order.plan_on("10.0.0.0/24").servers)
    with rising(names) as progress, raised(client, order, progress, keep_on_failure=keep.policy != "never") as stack:
        progress.close()
        durations = {"images_s": round(prepared_s - began_s, 3), "up_s": round(time.monotonic() - prepared_s, 3)}
        record = replace(plan, resets=True).on(stack, durations)
        stack.keep = keep.after(record.verdict)
        if stack.keep:
            say(f"kept: stack {stack.id} (sim down --stack {stack.id})")
    return record


def on_kept(plan: Run, stack: str | None) -> Record:
    """On a stack that is up."""
    from sim.runtime import freshness, state  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import choose, visited  # noqa: PLC0415
    from sim.runtime.watchdog import watched  # noqa: PLC0415

    found = visited(connect(), choose(stack))
    freshness.refuse_half_reset(found.id)
    text = found.memory.topology
    document = Document(text, parse_topology(text, f"the topology of stack {found.id}"))
    # Should this process die, the watchdog heals the faults it had in force; the stack stays.
    with state.ownership(found.id), watched(found.id) as leash:
        record = replace(plan, document=document, environment=found.plan.environment).on(found, {})
        leash.release()
    return record


def on_fake(plan: Run, wanted: Wanted) -> Record:
    """On a platform modelled in memory."""
    from sim.runtime.fake.venue import FakeVenue  # noqa: PLC0415 - only for rehearsals

    venue = FakeVenue.of(plan.document.topology, wanted, plan.clock, plan.seed)
    return replace(plan, resets=True).on(venue, {})
