"""``sim run --jobs``: one run on several stacks of its own at the same time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sim.cli.keep import Keep
from sim.cli.progress import announce, rising, say
from sim.errors import BadInput
from sim.images.model import ResolvedImage
from sim.lanes.conducting import Conductor
from sim.lanes.lane import Lane, lanes
from sim.lanes.messages import Assignment
from sim.pipeline import Run
from sim.preparing import Document, Wanted, planner, prepare_images
from sim.record import Record
from sim.runtime.rising import Progress
from sim.scenario import Scenario

_WORKER = "sim.cli.lane"


def stacks_for(chosen: Sequence[Scenario], jobs: int, *, reuse: bool, keep: str) -> int:
    """How many stacks these scenarios can use of those asked for. Raises BadInput where the others cannot have any."""
    if jobs == 1:
        return 1
    if reuse:
        raise BadInput("--jobs raises its own stacks, and --reuse has one.", next_step="leave out --jobs or --reuse")
    together = [scenario for scenario in chosen if not scenario.undisturbed]
    used = max(1, min(jobs, len(together)))
    if used == 1:
        say("one stack: what is to be rehearsed takes no more")
    elif keep != "never" and len(together) < len(chosen):
        raise BadInput(
            "A stack that is kept would disturb the scenarios that need the machine to themselves.",
            next_step="leave out --keep, or rehearse them (sim list) in a run of their own",
        )
    return used


def on_several(plan: Run, wanted: Wanted, jobs: int, keep: Keep) -> Record:
    """On stacks raised for this run, each with a process of its own."""
    fake = plan.runtime == "fake"
    began_s = time.monotonic()
    images = {} if fake else _images(plan.document, wanted, jobs)
    durations = {} if fake else {"images_s": round(time.monotonic() - began_s, 3)}
    stem = "fake" if fake else secrets.token_hex(4)
    names = tuple(server.name for server in planner(plan.document, wanted, images)("10.0.0.0/24").servers)

    @contextmanager
    def show(lane: Lane) -> Iterator[Progress]:
        say(f"{lane.label} of {jobs}: {lane.stack}")
        with rising(names) as progress:
            yield progress

    assignments = [
        Assignment(
            number=number,
            topology=plan.document.text,
            wanted=replace(wanted, name=f"{stem}-{number}"),
            images=images,
            seed=plan.seed,
            runtime=plan.runtime,
            clock=plan.clock,
            history=plan.directory.resolve() / f"history-{number}.jsonl",
            keep_on_failure=keep.policy != "never",
        )
        for number in range(1, jobs + 1)
    ]
    with lanes(_WORKER, assignments) as opened:
        return Conductor(plan, opened, announce, show, say, keep.after).conduct(durations)


def _images(document: Document, wanted: Wanted, stacks: int) -> Mapping[str, ResolvedImage]:
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched

    return prepare_images(connect(), document, wanted, say, stacks=stacks)
