"""Writers that put rows, objects or cache entries on a shelf at a steady rate and write each into the history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sim.errors import RigError
from sim.history import Outcome
from sim.load.pacing import Beats, Progress
from sim.load.publishing import LOAD
from sim.scenario import Stage
from sim.servers.shelf import Shelf

_NAP_S = 0.05
_FAREWELL_S = 30.0


@dataclass(frozen=True, slots=True)
class Entries:
    """What is written: ``writers`` threads, each with a shelf of its own, ``rate_per_s`` all together.

    ``op`` is the operation under which each is recorded, ``target`` the server. What came to nothing is tried again, as
    another entry, faster than the rate.
    """

    op: str
    target: str
    prefix: str
    rate_per_s: float
    writers: int = 1

    def id(self, writer: int, number: int) -> str:
        return f"{self.prefix}-{writer}-{number:06d}"


@contextmanager
def writing(stage: Stage, entries: Entries, shelf: Callable[[], Shelf]) -> Iterator[Progress]:
    """Write until the block is left; what each thread was doing then it still finishes."""
    progress = Progress(stage.clock.now_s())
    lock = threading.Lock()
    threads = [
        threading.Thread(
            target=_write,
            args=(stage, entries, shelf, progress),
            kwargs={"lock": lock, "writer": number},
            name=f"writer {number}",
            daemon=True,
        )
        for number in range(entries.writers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield progress
    finally:
        progress.stop.set()
        for thread in threads:
            thread.join(_FAREWELL_S)
        if any(thread.is_alive() for thread in threads):
            raise RigError(f"A writer to {entries.target} did not stop within {_FAREWELL_S:g} s.")
        _tell_end(stage, entries, progress)


def _tell_end(stage: Stage, entries: Entries, progress: Progress) -> None:
    stage.record(
        LOAD,
        entries.target,
        Outcome.FAILED if progress.failure else Outcome.OK,
        actor="writer",
        of=entries.op,
        attempted=progress.attempted,
        skipped=progress.skipped,
        rate_per_s=entries.rate_per_s,
        **({"message": progress.failure} if progress.failure else {}),
    )


def _write(
    stage: Stage,
    entries: Entries,
    shelf: Callable[[], Shelf],
    progress: Progress,
    *,
    lock: threading.Lock,
    writer: int,
) -> None:
    held: Shelf | None = None
    own = Progress(progress.began_s)
    beats = Beats(stage.clock, entries.rate_per_s / entries.writers, own, writer / entries.rate_per_s)
    number = 0
    try:
        held = shelf()
        while not progress.stop.is_set():
            due_s = beats.due()
            if due_s is None:
                stage.clock.sleep_s(min(beats.wait_s(), _NAP_S))
                continue
            number += 1
            sent_s = stage.clock.now_s()
            if put(stage, entries, held, entries.id(writer, number), due_s):
                progress.confirmed_sent_s.append(sent_s)
            else:
                beats.retry()
            with lock:
                progress.attempted += 1
    except Exception as error:  # noqa: BLE001 - a dead writer must show in the history, whatever killed it
        progress.failure = f"{type(error).__name__}: {error}"
    finally:
        if held is not None:
            held.close()
        with lock:
            progress.skipped += own.skipped


def put(stage: Stage, entries: Entries, shelf: Shelf, entry: str, due_s: float) -> bool:
    """Write and record one entry; whether it was acknowledged."""
    sent_s = stage.clock.now_s()
    settled = shelf.write(entry)
    now_s = stage.clock.now_s()
    stage.record_at(
        now_s,
        entries.op,
        entries.target,
        settled.outcome,
        actor="writer",
        id=entry,
        latency_s=round(now_s - sent_s, 6),
        intended_s=round(due_s - stage.origin_s, 6),
        **({"message": settled.message} if settled.message else {}),
    )
    return settled.outcome is Outcome.OK
