"""Consumers that write down every message they work off: the other side of the ledger.

A message is on record once it was *processed*, which an honest consumer does before it acknowledges: a crash in between
brings it again, and loses nothing. One that acknowledges first (``acknowledges_first``) is the control that must be
caught: what it had in hand when it died is gone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sim.errors import RigError
from sim.history import Outcome
from sim.load.publishing import id_of
from sim.scenario import Stage
from sim.servers.messaging_protocol import Consumer, ConsumerMode, Taken

CONSUMER = "consumer"
"""How a consumer ended: OK with the number it ``processed``, or FAILED with what stopped it."""

_FAULT = "fault"
_WAIT_S = 0.05
_FAREWELL_S = 20.0


@dataclass(frozen=True, slots=True)
class Readers:
    """Who reads ``queue``: one consumer for each of ``modes``. ``op`` is what a processed message is recorded as.

    All together they process ``rate_per_s``. A drill lets them fall behind, so that the queue holds something to lose.
    """

    op: str
    queue: str
    modes: Sequence[ConsumerMode]
    rate_per_s: float
    prefetch: int = 100
    acknowledges_first: bool = False


@dataclass(slots=True)
class Reading:
    """What a scenario may know of consumers under way, and how it kills them: each dies with what it has in hand."""

    stop: threading.Event = field(default_factory=threading.Event)
    deaths: int = 0
    processed: int = 0
    failures: list[str] = field(default_factory=list)

    def kill(self) -> None:
        """Every consumer's process ends as soon as it has something in hand; a successor takes over at once."""
        self.deaths += 1


@contextmanager
def consuming(stage: Stage, readers: Readers) -> Iterator[Reading]:
    """Consume from a thread for each mode until the block is left."""
    reading = Reading()
    with ExitStack() as farewell:
        for number, mode in enumerate(readers.modes):
            consumer = stage.servers.broker().consumer(
                readers.queue, mode, prefetch=readers.prefetch, seed=stage.rng.getrandbits(32)
            )
            actor = f"consumer-{number} ({mode})"
            thread = threading.Thread(
                target=_consume, args=(stage, readers, consumer, actor, reading), name=actor, daemon=True
            )
            thread.start()
            farewell.callback(_join, thread, readers.queue)
        farewell.callback(reading.stop.set)
        yield reading


def _join(thread: threading.Thread, queue: str) -> None:
    thread.join(_FAREWELL_S)
    if thread.is_alive():
        raise RigError(f"A consumer of {queue} did not stop within {_FAREWELL_S:g} s.")


def _consume(stage: Stage, readers: Readers, consumer: Consumer, actor: str, reading: Reading) -> None:
    failure, processed = "", 0
    try:
        processed = _until_stopped(stage, readers, consumer, actor, reading)
    except Exception as error:  # noqa: BLE001 - a dead consumer must show in the history, whatever killed it
        failure = f"{type(error).__name__}: {error}"
        reading.failures.append(failure)
    finally:
        consumer.close()
        stage.record(
            CONSUMER,
            readers.queue,
            Outcome.FAILED if failure else Outcome.OK,
            actor=actor,
            of=readers.op,
            processed=processed,
            **({"message": failure} if failure else {}),
        )


def _until_stopped(stage: Stage, readers: Readers, consumer: Consumer, actor: str, reading: Reading) -> int:
    """One message is processed a beat; the others taken wait in hand, and are gone from there when the process dies."""
    beat_s = len(readers.modes) / readers.rate_per_s
    in_hand: deque[Taken] = deque()
    deaths, processed = reading.deaths, 0
    next_s = stage.clock.now_s()
    while not reading.stop.is_set():
        if len(in_hand) < readers.prefetch:
            wait_s = max(0.0, next_s - stage.clock.now_s()) if in_hand else _WAIT_S
            for taken in consumer.take(min(wait_s, _WAIT_S)):
                if readers.acknowledges_first:
                    consumer.acknowledge(taken)
                in_hand.append(taken)
        if in_hand and deaths != reading.deaths:
            deaths = reading.deaths
            _die(stage, readers, consumer, actor, in_hand)
            in_hand.clear()
        stage.clock.sleep_s(min(next_s - stage.clock.now_s(), _WAIT_S))
        if in_hand and stage.clock.now_s() >= next_s:
            next_s = max(next_s, stage.clock.now_s() - beat_s) + beat_s
            processed += 1
            reading.processed += 1
            _process(stage, readers, consumer, actor, in_hand.popleft())
    while in_hand and readers.acknowledges_first:
        # It has not died: what it took it still works off. An honest one gives back what it has not begun.
        processed += 1
        _process(stage, readers, consumer, actor, in_hand.popleft())
    return processed


def _die(stage: Stage, readers: Readers, consumer: Consumer, actor: str, in_hand: Sequence[Taken]) -> None:
    """A fault of our own making, on record as such, with what was ``held``."""
    evidence = f"{len(in_hand)} messages in hand, connection cut without a word"
    fault = {"name": f"death ({readers.op})", "evidence": evidence}
    held = [id_of(taken.body) for taken in in_hand]
    stage.record(_FAULT, readers.queue, Outcome.OK, actor=actor, phase="inject", held=held, **fault)
    consumer.die()
    stage.record(_FAULT, readers.queue, Outcome.OK, actor=actor, phase="heal", **fault)


def _process(stage: Stage, readers: Readers, consumer: Consumer, actor: str, taken: Taken) -> None:
    stage.record(
        readers.op,
        readers.queue,
        Outcome.OK,
        actor=actor,
        id=id_of(taken.body),
        link=taken.link,
        redelivered=taken.redelivered,
    )
    if not readers.acknowledges_first:
        consumer.acknowledge(taken)
