"""Two builds of a service run in turns on a stack of their own, for ``sim compare`` to weigh."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from scenarios import SCENARIOS
from scenarios.throughput.requests import NAME as REQUESTS
from scenarios.throughput.requests import requests_of
from sim.cli.progress import rising, say
from sim.clock import SystemClock
from sim.comparison.runs import Build, read_build
from sim.errors import BadInput
from sim.pipeline import Run
from sim.plan.service_environment import AUTH
from sim.preparing import Document, Wanted, check_names, prepare, read_document
from sim.report.write import new_run_directory
from sim.scenario import Scenario
from sim.selection import select
from sim.topology.model import Topology
from sim.turns import AFTER, BEFORE, Side, play_in_turns

FOLDER = "compare"
"""Of ``--report``: where folders of comparisons go, apart from runs."""

_SOMEBODY = "products"
"""The service that a gateway is asked for when it is itself what differs."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How builds are tried. ``wanted`` has the stack's options without any image; ``scenarios`` are patterns."""

    wanted: Wanted
    scenarios: tuple[str, ...]
    repeats: int
    seed: int | None
    reports: Path


def is_build(text: str) -> bool:
    """``NAME=…``, unless there is a file or folder of that name."""
    return "=" in text and not Path(text).exists()


def parse_build(text: str) -> Mapping[str, str]:
    """``auth-service=registry/auth:1.2,orders-service=`` by name; an empty reference is the image of the plan.

    Raises BadInput for anything else, or one name twice.
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, reference = (piece.strip() for piece in part.partition("="))
        if not name or not equals:
            raise BadInput(
                f"{text!r} is no build.",
                next_step="products-service=registry/products:1.3; products-service= means the image it has by itself",
            )
        if name in found:
            raise BadInput(f"{text!r} gives {name} two images.", next_step="leave one of them out")
        found[name] = reference
    return found


def try_builds(before: str, after: str, trial: Trial) -> tuple[Build, Build, Path]:
    """Run both in turns; their repeats, and the folder these are in. Raises SimError before anything is started."""
    from sim.runtime.builds import planned_as, renew  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import raised  # noqa: PLC0415

    given = (parse_build(before), parse_build(after))
    deployments = frozenset({*given[0], *given[1]})
    document = read_document(trial.wanted.topology_path)
    chosen = _scenarios(trial.scenarios, deployments)
    wanted = [
        replace(_stack(trial.wanted, document.topology, chosen, deployments, small=not trial.scenarios), images=images)
        for images in ({name: ref for name, ref in build.items() if ref} for build in given)
    ]
    for each in wanted:
        check_names(document, each)
    check_names(document, replace(wanted[0], images=dict.fromkeys(deployments, "any")))
    client = connect()
    orders = [prepare(client, document, each, say) for each in wanted]
    directory = new_run_directory(trial.reports / FOLDER, datetime.now(UTC))
    run = _run(document, trial, chosen, directory)
    say(f"seed {run.seed}")
    names = tuple(server.name for server in orders[0].plan_on("10.0.0.0/24").servers)
    try:
        with rising(names) as progress, raised(client, orders[0], progress) as stack:
            progress.close()
            stacks = (stack, planned_as(stack, orders[1].plan_on(stack.plan.subnet)))
            sides = (
                Side(BEFORE, stacks[0], lambda: renew(stacks[0], deployments)),
                Side(AFTER, stacks[1], lambda: renew(stacks[1], deployments)),
            )
            total = 2 * trial.repeats
            turn = iter(range(1, total + 1))
            play_in_turns(
                run,
                sides,
                trial.repeats,
                lambda number, side: say(f"[{next(turn):>{len(str(total))}}/{total}] pair {number}: {side.name}"),
            )
    except BaseException:
        _tell_what_is_left(directory)
        raise
    found = (read_build(directory / name) for name in (BEFORE, AFTER))
    old, new = (replace(build, name=_named(images)) for build, images in zip(found, given, strict=True))
    return old, new, directory


def _named(images: Mapping[str, str]) -> str:
    """As a reader is told: the image, or that it is the one the service has by itself."""
    return ", ".join(f"{name}={reference}" if reference else f"{name} as it is" for name, reference in images.items())


def _scenarios(patterns: tuple[str, ...], deployments: frozenset[str]) -> tuple[Scenario, ...]:
    """By default the requests of what differs; what is given by pattern is played as it is, that one excepted."""
    if not patterns:
        return (requests_of(deployments),)
    return tuple(requests_of(deployments) if s.name == REQUESTS else s for s in select(SCENARIOS, patterns))


def _stack(
    wanted: Wanted, topology: Topology, chosen: tuple[Scenario, ...], deployments: frozenset[str], *, small: bool
) -> Wanted:
    """What the scenarios need; of the requests alone, no more than is asked, who signs customers in, and the way in."""
    if wanted.only:
        return replace(wanted, only=tuple(dict.fromkeys((*wanted.only, topology.gateway.name, *sorted(deployments)))))
    if not small:
        return replace(wanted, kinds=frozenset(kind for scenario in chosen for kind in scenario.needs))
    services = {key: service.name for key, service in topology.services.items()}
    around = [services[AUTH]] if AUTH in services else []
    if not deployments & set(services.values()):
        around.append(services.get(_SOMEBODY) or next(iter(services.values())))
    return replace(wanted, only=tuple(dict.fromkeys((topology.gateway.name, *around, *sorted(deployments)))))


def _run(document: Document, trial: Trial, chosen: tuple[Scenario, ...], directory: Path) -> Run:
    return Run(
        document=document,
        environment=trial.wanted.environment,
        scenarios=chosen,
        seed=secrets.randbelow(2**32) if trial.seed is None else trial.seed,
        runtime="docker",
        strict=False,
        directory=directory,
        clock=SystemClock(),
        announce=lambda *_: None,
    )


def _tell_what_is_left(directory: Path) -> None:
    """Of a comparison that was cut short: its repeats, or no folder at all."""
    if any(directory.iterdir()):
        say(f"What ran until now: sim compare {directory / BEFORE} {directory / AFTER}")
        return
    with suppress(OSError):
        directory.rmdir()
