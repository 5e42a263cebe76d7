"""The same questions again and again at a steady rate, each kind from a thread of its own: who still answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sim.errors import RigError
from sim.history import Outcome
from sim.load.pacing import Beats, Progress
from sim.load.publishing import LOAD
from sim.scenario import Stage
from sim.servers.http_protocol import HttpReply

CALL = "call"
"""One question: ``target`` is its kind; its time is that of the answer, or of the silence's end."""

_NAP_S = 0.05
_FAREWELL_S = 30.0


@contextmanager
def probing(
    stage: Stage, questions: Mapping[str, Callable[[], HttpReply]], rate_per_s: float
) -> Iterator[Mapping[str, Progress]]:
    """Ask every kind ``rate_per_s`` times a second until the block is left. Yields how each stands."""
    progress = {kind: Progress(stage.clock.now_s()) for kind in questions}
    threads = [
        threading.Thread(
            target=_ask, args=(stage, kind, question, rate_per_s, progress[kind]), name=f"probe {kind}", daemon=True
        )
        for kind, question in questions.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield progress
    finally:
        for one in progress.values():
            one.stop.set()
        for thread in threads:
            thread.join(_FAREWELL_S)
        if any(thread.is_alive() for thread in threads):
            raise RigError(f"A prober did not stop within {_FAREWELL_S:g} s.")


def _ask(stage: Stage, kind: str, question: Callable[[], HttpReply], rate_per_s: float, progress: Progress) -> None:
    beats = Beats(stage.clock, rate_per_s, progress)
    try:
        while not progress.stop.is_set():
            due_s = beats.due()
            if due_s is None:
                stage.clock.sleep_s(min(beats.wait_s(), _NAP_S))
                continue
            progress.attempted += 1
            _ask_once(stage, kind, question, progress, due_s)
    except Exception as error:  # noqa: BLE001 - a dead prober must show in the history, whatever killed it
        progress.failure = f"{type(error).__name__}: {error}"
    finally:
        stage.record(
            LOAD,
            kind,
            Outcome.FAILED if progress.failure else Outcome.OK,
            actor="prober",
            of=CALL,
            attempted=progress.attempted,
            skipped=progress.skipped,
            rate_per_s=rate_per_s,
            message=progress.failure,
        )


def _ask_once(stage: Stage, kind: str, question: Callable[[], HttpReply], progress: Progress, due_s: float) -> None:
    sent_s = stage.clock.now_s()
    reply = question()
    stage.record(
        CALL,
        kind,
        reply.outcome if reply.answered else Outcome.UNSURE,
        actor="prober",
        status=reply.status,
        latency_s=round(stage.clock.now_s() - sent_s, 6),
        intended_s=round(due_s - stage.origin_s, 6),
        message=reply.message,
    )
    if reply.accepted:
        progress.confirmed_sent_s.append(sent_s)
