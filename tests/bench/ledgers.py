"""The ledgered publisher beside the same publisher that writes nothing down, in turn, as fast as each can."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import docker

from sim.clock import SystemClock
from sim.history import History, Outcome
from sim.load.publishing import Letters, pipelining
from sim.runtime.stack import LiveStack, attached
from sim.scenario import Stage
from sim.topology.load import parse_topology
from tests.bench.measuring import STACK, Figure, keep, sim

_QUEUE = "sim.bench.ledgers"
_ROUND_S = 1.5
_FASTEST_PER_S = 50_000.0
_NAP_S = 0.05
_LEDGERED, _BARE = "ledgered", "bare"
_ORDER = (_LEDGERED, _BARE, _BARE, _LEDGERED) * 2
"""Short and in turn: what else the machine does meanwhile falls on both sides alike."""


@dataclass(slots=True)
class _Side:
    """One side of a pair: messages confirmed, in so many seconds, for so many CPU seconds of this process."""

    confirmed: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        return self.confirmed / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Of one message."""
        return self.cpu_s / self.confirmed * 1e6


def measure(client: docker.DockerClient, rounds: int, reports: Path) -> None:
    """A cluster of its own, ``rounds`` pairs of four short turns of each side; what counts is messages confirmed."""
    sim("up", "--stack", STACK, "--only", "rabbitmq-cluster")
    try:
        stack = attached(client, STACK)
        stack.servers.broker().declare_queue(_QUEUE, {})
        _bare(stack)
        pairs = [_pair(stack) for _ in range(rounds)]
    finally:
        sim("down", "--stack", STACK)
    ledgered, bare = ([pair[side] for pair in pairs] for side in (_LEDGERED, _BARE))
    both = tuple(zip(ledgered, bare, strict=True))
    figures = (
        Figure("messages with a ledger ÷ without", "≥", 0.8, [one.per_s / other.per_s for one, other in both]),
        Figure("CPU of one without ÷ with", "≥", 0.8, [other.cpu_us / one.cpu_us for one, other in both]),
        Figure("confirmed a second with a ledger", "≥", 0, [one.per_s for one in ledgered]),
        Figure("confirmed a second without", "≥", 0, [one.per_s for one in bare]),
        Figure("CPU microseconds of one with a ledger", "≤", 1000, [one.cpu_us for one in ledgered]),
        Figure("CPU microseconds of one without", "≤", 1000, [one.cpu_us for one in bare]),
    )
    raw = {"pairs": [{side: asdict(found) for side, found in pair.items()} for pair in pairs]}
    keep("Ledgers", figures, raw, reports)


def _pair(stack: LiveStack) -> dict[str, _Side]:
    sides = {_LEDGERED: _ledgered, _BARE: _bare}
    found = {side: _Side() for side in sides}
    for side in _ORDER:
        total, confirmed, wall_s, cpu_s = found[side], *sides[side](stack)
        total.confirmed += confirmed
        total.wall_s += wall_s
        total.cpu_s += cpu_s
        stack.servers.broker().purge(_QUEUE)
    return found


def _ledgered(stack: LiveStack) -> tuple[int, float, float]:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder) / "history.jsonl")
        stage = Stage(
            "bench",
            parse_topology(stack.memory.topology, "the stack's topology"),
            stack.plan,
            stack.servers,
            stack.control,
            clock,
            random.Random(1),  # noqa: S311 - repeatable, not secret
            history,
            clock.now_s(),
        )
        letters = Letters("publish", _QUEUE, "m", _FASTEST_PER_S)
        pipeline = stack.servers.broker().pipeline(1)
        began_s, cpu_s = time.monotonic(), time.process_time()
        with pipelining(stage, pipeline, letters):
            time.sleep(_ROUND_S)
        wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
        history.close()
        return sum(o.outcome is Outcome.OK for o in history), wall_s, cpu_s


def _bare(stack: LiveStack) -> tuple[int, float, float]:
    """The same pipeline and window, nothing kept but a count."""
    pipeline = stack.servers.broker().pipeline(1)
    letters = Letters("publish", _QUEUE, "m", _FASTEST_PER_S)
    began_s, cpu_s = time.monotonic(), time.process_time()
    ends_s = began_s + _ROUND_S
    confirmed = number = 0
    while time.monotonic() < ends_s:
        while pipeline.in_flight < letters.window:
            number += 1
            message = letters.id(number)
            pipeline.send("", _QUEUE, letters.body(message), id=message, persistent=False, timeout_s=5.0)
        confirmed += sum(fate.outcome is Outcome.OK for fate in pipeline.settled(_NAP_S))
    confirmed += sum(fate.outcome is Outcome.OK for fate in pipeline.finish(5.0))
    return confirmed, time.monotonic() - began_s, time.process_time() - cpu_s
