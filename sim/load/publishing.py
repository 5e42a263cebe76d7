"""A publisher at a steady rate that writes every message into the history: the one side of a ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sim.errors import RigError
from sim.history import Outcome
from sim.scenario import Stage
from sim.servers.protocol import Publisher

LOAD = "load"
"""How a load ended: OK with the number ``attempted``, or FAILED with what stopped it."""

_NAP_S = 0.05
_FAREWELL_S = 15.0
_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Letters:
    """What is published: to which queue, at which rate, and how its history names it.

    ``op`` is the operation under which each message is recorded. Messages are transient unless ``persistent``: what
    keeps them then is the queue alone.
    """

    op: str
    queue: str
    prefix: str
    rate_per_s: float
    timeout_s: float = 5.0
    persistent: bool = False

    def id(self, number: int) -> str:
        return f"{self.prefix}-{number:06d}"


@dataclass(slots=True)
class Progress:
    """What a scenario may know of a load under way. Times are on the stage's clock."""

    began_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    attempted: int = 0
    skipped: int = 0
    confirmed_sent_s: list[float] = field(default_factory=list)
    failure: str = ""

    def confirmed_since(self, t_s: float) -> int:
        """Messages sent at or after ``t_s`` and confirmed by now."""
        return sum(sent_s >= t_s for sent_s in tuple(self.confirmed_sent_s))


def publish_one(stage: Stage, publisher: Publisher, letters: Letters, number: int, due_s: float) -> float | None:
    """Publish and record one message; when it was sent if it was confirmed, else None."""
    message = letters.id(number)
    sent_s = stage.clock.now_s()
    confirm = publisher.publish(
        "", letters.queue, message.encode(), persistent=letters.persistent, timeout_s=letters.timeout_s
    )
    stage.record(
        letters.op,
        letters.queue,
        confirm.outcome,
        actor="publisher",
        id=message,
        latency_s=round(confirm.latency_s, 6),
        intended_s=round(due_s - stage.origin_s, 6),
        **({"message": confirm.message} if confirm.message else {}),
    )
    return sent_s if confirm.outcome is Outcome.OK else None


@contextmanager
def publishing(stage: Stage, publisher: Publisher, letters: Letters) -> Iterator[Progress]:
    """Publish from a thread of its own until the block is left.

    A publisher that has fallen behind by more than a second, as in an outage, lets the missed beats go (``skipped``)
    and keeps the rate from there: this load is for seeing what is lost and when service was back, and a backlog would
    only measure itself.
    """
    progress = Progress(stage.clock.now_s())
    thread = threading.Thread(
        target=_publish, args=(stage, publisher, letters, progress), name=f"publisher {letters.queue}", daemon=True
    )
    thread.start()
    try:
        yield progress
    finally:
        progress.stop.set()
        thread.join(letters.timeout_s + _FAREWELL_S)
        if thread.is_alive():
            raise RigError(f"The publisher to {letters.queue} did not stop within {_FAREWELL_S:g} s.")


def _publish(stage: Stage, publisher: Publisher, letters: Letters, progress: Progress) -> None:
    try:
        _until_stopped(stage, publisher, letters, progress)
    except Exception as error:  # noqa: BLE001 - a dead publisher must show in the history, whatever killed it
        progress.failure = f"{type(error).__name__}: {error}"
    finally:
        publisher.close()
        stage.record(
            LOAD,
            letters.queue,
            Outcome.FAILED if progress.failure else Outcome.OK,
            actor="publisher",
            of=letters.op,
            attempted=progress.attempted,
            skipped=progress.skipped,
            rate_per_s=letters.rate_per_s,
            **({"message": progress.failure} if progress.failure else {}),
        )


def _until_stopped(stage: Stage, publisher: Publisher, letters: Letters, progress: Progress) -> None:
    beat_s = 1.0 / letters.rate_per_s
    due_s = progress.began_s
    while not progress.stop.is_set():
        late_s = stage.clock.now_s() - due_s
        if late_s < 0:
            stage.clock.sleep_s(min(-late_s, _NAP_S))
            continue
        if late_s > _PATIENCE_S:
            missed = int(late_s / beat_s)
            progress.skipped += missed
            due_s += missed * beat_s
        progress.attempted += 1
        sent_s = publish_one(stage, publisher, letters, progress.attempted, due_s)
        if sent_s is not None:
            progress.confirmed_sent_s.append(sent_s)
        due_s += beat_s
