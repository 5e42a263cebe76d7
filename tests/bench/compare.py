"""Whether ``sim compare`` calls a build that is a fifth worse, and leaves the same build alone, on real servers.

Three kinds of comparison, in turns: the same build again; one that works a fifth more for each request (it burns
processor time); one that takes a fifth longer (it sleeps). What a fifth is was measured on the build as it is.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker

from scenarios.throughput.requests import requests_of
from sim.clock import SystemClock
from sim.comparison.judgement import FEWEST_REPEATS, compare
from sim.comparison.model import Call, Comparison, Question
from sim.comparison.runs import read_build
from sim.pipeline import Run
from sim.preparing import Document
from sim.runtime import labels
from sim.runtime.builds import planned_as, renew
from sim.runtime.stack import LiveStack, attached
from sim.topology.load import parse_topology
from sim.turns import AFTER, BEFORE, Side, play_in_turns
from tests.bench.measuring import STACK, Figure, keep, sim

SERVICE = "products-service"
WORSE = 1.2
KINDS = ("again", "works more", "takes longer")
_HANDLER = "return _encoded(handler(call), call.route)"
_RECIPE = """FROM {base}
LABEL {label}={stack}
USER root
RUN sed -i 's/{handler}/{more}; {handler}/' /srv/sim/services/chassis/requests.py \\
 && grep -qF '{more}' /srv/sim/services/chassis/requests.py \\
 && rm -f /srv/sim/services/chassis/__pycache__/requests.*
"""


def measure(client: docker.DockerClient, rounds: int, reports: Path) -> None:
    """``rounds`` comparisons of each kind on one small stack."""
    sim("up", "--stack", STACK, "--only", f"api-gateway,auth-service,{SERVICE}")
    try:
        stack = attached(client, STACK)
        took: list[float] = []
        calls: dict[str, list[Comparison]] = {kind: [] for kind in KINDS}
        for number in range(rounds):
            for kind in KINDS:
                began_s = time.monotonic()
                found = compared(stack, kind, seed=1000 * number, repeats=FEWEST_REPEATS)
                took.append(time.monotonic() - began_s)
                calls[kind].append(found)
                print(f"{number} {kind}: {told(found)}", flush=True)
    finally:
        sim("down", "--stack", STACK)
    called = {kind: [float(Call.REGRESSION in c.calls) for c in found] for kind, found in calls.items()}
    plain = [float(set(c.calls) <= {Call.SAME, Call.IMPROVEMENT}) for c in calls["again"]]
    figures = (
        Figure("regressions called of builds that work a fifth more", "≥", 1, [_mean(called["works more"])]),
        Figure("regressions called of builds that take a fifth longer", "≥", 1, [_mean(called["takes longer"])]),
        Figure("regressions called of the same build again", "≤", 0, [_mean(called["again"])]),
        Figure("the same build again plainly said to be no worse", "≥", 0.5, [_mean(plain)]),
        Figure("one comparison, s", "≤", 60, took),
    )
    raw = {kind: [told(found) for found in each] for kind, each in calls.items()}
    keep("Compare", figures, raw, reports)


def compared(stack: LiveStack, kind: str, *, seed: int, repeats: int) -> Comparison:
    """One comparison of the service as it is with itself, or with a build that is a fifth worse."""
    if kind == KINDS[0]:
        return in_turns(stack, stack.plan.server(SERVICE).image.reference, seed, repeats)
    usual = _usual(stack, seed)
    name = "cpu_ms_per_request" if kind == KINDS[1] else "p50_ms"
    seconds = (WORSE - 1) * usual[name] / 1000
    burn = (
        f"began = time.thread_time(); [None for _ in iter(lambda: time.thread_time() - began < {seconds:.6f}, False)]"
    )
    with variant(stack, burn if kind == KINDS[1] else f"time.sleep({seconds:.6f})") as image:
        return in_turns(stack, image, seed, repeats)


def _usual(stack: LiveStack, seed: int) -> Mapping[str, float]:
    """What one turn of the build as it is measures."""
    place = Path(tempfile.mkdtemp())
    try:
        renew(stack, {SERVICE})
        record = _run(stack, place, seed).on(stack, {})
    finally:
        shutil.rmtree(place)
    return record.scenarios[0].numbers


@contextmanager
def variant(stack: LiveStack, more: str) -> Iterator[str]:
    """An image of the service whose handlers do ``more`` (Python) before they answer."""
    client, base = stack.engine.client, stack.plan.server(SERVICE).image.reference
    recipe = _RECIPE.format(base=base, label=labels.STACK, stack=stack.id, handler=_HANDLER, more=more)
    tag = f"sim/variant:{stack.id}"
    client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=tag, rm=True, forcerm=True)
    try:
        yield tag
    finally:
        client.images.remove(tag, force=True)


def in_turns(stack: LiveStack, image: str, seed: int, repeats: int) -> Comparison:
    """The service as it is and as ``image``; afterwards it runs as it is."""
    plan = stack.plan
    servers = [replace(s, image=replace(s.image, reference=image)) if s.app == SERVICE else s for s in plan.servers]
    other = planned_as(stack, replace(plan, servers=tuple(servers)))
    place = Path(tempfile.mkdtemp())
    try:
        sides = (
            Side(BEFORE, stack, lambda: renew(stack, {SERVICE})),
            Side(AFTER, other, lambda: renew(other, {SERVICE})),
        )
        play_in_turns(_run(stack, place, seed), sides, repeats, lambda *_: None)
        return compare(read_build(place / BEFORE), read_build(place / AFTER), Question())
    finally:
        renew(stack, {SERVICE})
        shutil.rmtree(place)


def _run(stack: LiveStack, place: Path, seed: int) -> Run:
    text = stack.memory.topology
    return Run(
        document=Document(text, parse_topology(text, "the stack's topology")),
        environment=stack.plan.environment,
        scenarios=(requests_of(frozenset({SERVICE})),),
        seed=seed,
        runtime="docker",
        strict=False,
        directory=place,
        clock=SystemClock(),
        announce=lambda *_: None,
    )


def told(found: Comparison) -> str:
    """Each figure's call with its interval."""
    return "; ".join(
        f"{c.metric} {c.call.value}"
        + (f" {c.worse.value:.3f} [{c.worse.lower:.3f}, {c.worse.upper:.3f}]" if c.worse else f" ({c.why})")
        for c in found.changes
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
