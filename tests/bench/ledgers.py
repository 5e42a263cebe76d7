"""The ledgered publisher beside the same publisher that writes nothing down, in turn, as fast as each can."""

from __future__ import annotations

import random
import tempfile
import time
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
_ROUND_S = 5.0
_FASTEST_PER_S = 50_000.0
_NAP_S = 0.05
_LEDGERED, _BARE = "ledgered", "bare"


def measure(client: docker.DockerClient, rounds: int, reports: Path) -> None:
    """A cluster of its own, ``rounds`` of each side in turn; what counts is confirmed messages a second."""
    sim("up", "--stack", STACK, "--only", "rabbitmq-cluster")
    try:
        stack = attached(client, STACK)
        stack.servers.broker().declare_queue(_QUEUE, {})
        _bare(stack)
        results = [_round(stack, number) for number in range(rounds)]
    finally:
        sim("down", "--stack", STACK)
    figures = (
        Figure("messages with a ledger ÷ without", "≥", 0.8, [r[_LEDGERED] / r[_BARE] for r in results]),
        Figure("confirmed a second with a ledger", "≥", 0, [r[_LEDGERED] for r in results]),
        Figure("confirmed a second without", "≥", 0, [r[_BARE] for r in results]),
    )
    keep("Ledgers", figures, {"rounds": results}, reports)


def _round(stack: LiveStack, number: int) -> dict[str, float]:
    sides = {_LEDGERED: _ledgered, _BARE: _bare}
    order = (_LEDGERED, _BARE) if number % 2 else (_BARE, _LEDGERED)
    return {side: sides[side](stack) for side in order}


def _ledgered(stack: LiveStack) -> float:
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
        with pipelining(stage, stack.servers.broker().pipeline(1), letters):
            time.sleep(_ROUND_S)
        history.close()
        confirmed = sum(o.outcome is Outcome.OK for o in history)
    stack.servers.broker().purge(_QUEUE)
    return confirmed / _ROUND_S


def _bare(stack: LiveStack) -> float:
    """The same pipeline and window, nothing kept but a count."""
    pipeline = stack.servers.broker().pipeline(1)
    letters = Letters("publish", _QUEUE, "m", _FASTEST_PER_S)
    ends_s = time.monotonic() + _ROUND_S
    confirmed = number = 0
    while time.monotonic() < ends_s:
        while pipeline.in_flight < letters.window:
            number += 1
            message = letters.id(number)
            pipeline.send("", _QUEUE, letters.body(message), id=message, persistent=False, timeout_s=5.0)
        confirmed += sum(fate.outcome is Outcome.OK for fate in pipeline.settled(_NAP_S))
    confirmed += sum(fate.outcome is Outcome.OK for fate in pipeline.finish(5.0))
    stack.servers.broker().purge(_QUEUE)
    return confirmed / _ROUND_S
