"""Publishers at a steady rate that write every message into the history: the one side of a ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sim.errors import RigError
from sim.history import Outcome
from sim.load.pacing import Beats, Progress
from sim.scenario import Stage
from sim.servers.messaging_protocol import Pipeline, Settled
from sim.servers.protocol import Publisher

LOAD = "load"
"""How a load ended: OK with the number ``attempted``, or FAILED with what stopped it."""

_NAP_S = 0.05
_GLANCE_S = 0.001
_FAREWELL_S = 15.0


@dataclass(frozen=True, slots=True)
class Letters:
    """What is published: to which queue, at which rate, and how its history names it.

    ``op`` is the operation under which each message is recorded, by ``actor``. Messages are transient unless
    ``persistent``: what keeps them then is the queue alone. ``window`` bounds those in flight where several may be.
    """

    op: str
    queue: str
    prefix: str
    rate_per_s: float
    timeout_s: float = 5.0
    persistent: bool = False
    window: int = 256
    body_bytes: int = 0
    actor: str = "publisher"

    def id(self, number: int) -> str:
        return f"{self.prefix}-{number:06d}"

    def body(self, message: str) -> bytes:
        """The id, filled up to ``body_bytes``; :func:`id_of` reads it back."""
        return message.encode().ljust(self.body_bytes, b".")


def id_of(body: bytes) -> str:
    """The id a message's body carries."""
    return body.rstrip(b".").decode("utf-8", "backslashreplace")


def publish_one(stage: Stage, publisher: Publisher, letters: Letters, number: int, due_s: float) -> float | None:
    """Publish and record one message; when it was sent if it was confirmed, else None."""
    message = letters.id(number)
    sent_s = stage.clock.now_s()
    confirm = publisher.publish(
        "", letters.queue, letters.body(message), persistent=letters.persistent, timeout_s=letters.timeout_s
    )
    stage.record(
        letters.op,
        letters.queue,
        confirm.outcome,
        actor=letters.actor,
        id=message,
        latency_s=round(confirm.latency_s, 6),
        intended_s=round(due_s - stage.origin_s, 6),
        **({"message": confirm.message} if confirm.message else {}),
    )
    return sent_s if confirm.outcome is Outcome.OK else None


@contextmanager
def publishing(stage: Stage, publisher: Publisher, letters: Letters) -> Iterator[Progress]:
    """Publish one after the other, each waited for, from a thread of its own until the block is left.

    A publisher that has fallen behind by more than a second, as in an outage, lets the missed beats go (``skipped``)
    and keeps the rate from there: this load is for seeing what is lost and when service was back, and a backlog would
    only measure itself.
    """
    with _running(stage, letters, lambda progress: _one_by_one(stage, publisher, letters, progress)) as progress:
        yield progress


@contextmanager
def pipelining(stage: Stage, pipeline: Pipeline, letters: Letters) -> Iterator[Progress]:
    """As :func:`publishing`, without waiting for one confirm before the next message: ``letters.window`` in flight."""
    with _running(stage, letters, lambda progress: _in_flight(stage, pipeline, letters, progress)) as progress:
        yield progress


@contextmanager
def _running(stage: Stage, letters: Letters, work: Callable[[Progress], None]) -> Iterator[Progress]:
    progress = Progress(stage.clock.now_s())
    thread = threading.Thread(
        target=_publish, args=(stage, letters, progress, work), name=f"publisher {letters.queue}", daemon=True
    )
    thread.start()
    try:
        yield progress
    finally:
        progress.stop.set()
        thread.join(letters.timeout_s + _FAREWELL_S)
        if thread.is_alive():
            raise RigError(f"The publisher to {letters.queue} did not stop within {_FAREWELL_S:g} s.")


def _publish(stage: Stage, letters: Letters, progress: Progress, work: Callable[[Progress], None]) -> None:
    try:
        work(progress)
    except Exception as error:  # noqa: BLE001 - a dead publisher must show in the history, whatever killed it
        progress.failure = f"{type(error).__name__}: {error}"
    finally:
        stage.record(
            LOAD,
            letters.queue,
            Outcome.FAILED if progress.failure else Outcome.OK,
            actor=letters.actor,
            of=letters.op,
            attempted=progress.attempted,
            skipped=progress.skipped,
            rate_per_s=letters.rate_per_s,
            **({"message": progress.failure} if progress.failure else {}),
        )


def _one_by_one(stage: Stage, publisher: Publisher, letters: Letters, progress: Progress) -> None:
    beats = Beats(stage.clock, letters.rate_per_s, progress)
    try:
        while not progress.stop.is_set():
            due_s = beats.due()
            if due_s is None:
                stage.clock.sleep_s(min(beats.wait_s(), _NAP_S))
                continue
            progress.attempted += 1
            sent_s = publish_one(stage, publisher, letters, progress.attempted, due_s)
            if sent_s is not None:
                progress.confirmed_sent_s.append(sent_s)
    finally:
        publisher.close()


def _in_flight(stage: Stage, pipeline: Pipeline, letters: Letters, progress: Progress) -> None:
    beats = Beats(stage.clock, letters.rate_per_s, progress)
    sent: dict[str, tuple[float, float]] = {}
    settled: Sequence[Settled] = ()
    known_s = progress.began_s
    try:
        while not progress.stop.is_set():
            # Without a connection each call takes its whole time, and the next message is due when it returns.
            while pipeline.in_flight < letters.window and not progress.stop.is_set():
                due_s = beats.due()
                if due_s is None:
                    break
                progress.attempted += 1
                message = letters.id(progress.attempted)
                sent[message] = (due_s, stage.clock.now_s())
                pipeline.send(
                    "",
                    letters.queue,
                    letters.body(message),
                    id=message,
                    persistent=letters.persistent,
                    timeout_s=letters.timeout_s,
                )
            # Written down while the broker works on what was just sent: the ledger costs no turn of the window.
            _settle(stage, letters, progress, sent, settled, now_s=known_s)
            settled = ()
            wait_s = _NAP_S if pipeline.in_flight >= letters.window else max(beats.wait_s(), _GLANCE_S)
            settled = pipeline.settled(min(wait_s, _NAP_S))
            known_s = stage.clock.now_s()
    finally:
        _settle(stage, letters, progress, sent, settled, now_s=known_s)
        last = pipeline.finish(letters.timeout_s)
        _settle(stage, letters, progress, sent, last, now_s=stage.clock.now_s())


def _settle(
    stage: Stage,
    letters: Letters,
    progress: Progress,
    sent: dict[str, tuple[float, float]],
    settled: Sequence[Settled],
    *,
    now_s: float,
) -> None:
    for fate in settled:
        due_s, sent_s = sent.pop(fate.id)
        stage.record_at(
            now_s,
            letters.op,
            letters.queue,
            fate.outcome,
            actor=letters.actor,
            id=fate.id,
            latency_s=round(now_s - sent_s, 6),
            intended_s=round(due_s - stage.origin_s, 6),
            **({"message": fate.message} if fate.message else {}),
        )
        if fate.outcome is Outcome.OK:
            progress.confirmed_sent_s.append(sent_s)
