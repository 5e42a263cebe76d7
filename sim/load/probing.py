"""The same questions again and again at a steady rate, each kind from threads of its own: who still answers.

An open loop as far as its askers reach: while one waits for an answer, the next question is another's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked ``rate_per_s`` times a second, of which ``askers`` may wait for their answers at a time.

    One that ``insists`` asks again at once what came to nothing, faster than its rate.
    """

    ask: Callable[[], HttpReply]
    rate_per_s: float
    askers: int = 1
    insists: bool = False


@contextmanager
def probing(stage: Stage, questions: Mapping[str, Question]) -> Iterator[Mapping[str, Progress]]:
    """Ask every kind until the block is left. Yields how each stands."""
    probes = {kind: _Probe(stage, kind, question) for kind, question in questions.items()}
    threads = [thread for probe in probes.values() for thread in probe.start()]
    try:
        yield {kind: probe.progress for kind, probe in probes.items()}
    finally:
        for probe in probes.values():
            probe.progress.stop.set()
        for thread in threads:
            thread.join(_FAREWELL_S)
        if any(thread.is_alive() for thread in threads):
            raise RigError(f"A prober did not stop within {_FAREWELL_S:g} s.")
        for probe in probes.values():
            probe.tell_end()


class _Probe:
    """One kind of question under way."""

    def __init__(self, stage: Stage, kind: str, question: Question) -> None:
        self.progress = Progress(stage.clock.now_s())
        self._stage = stage
        self._kind = kind
        self._question = question
        self._beats = Beats(stage.clock, question.rate_per_s, self.progress)
        self._lock = threading.Lock()

    def start(self) -> list[threading.Thread]:
        threads = [
            threading.Thread(target=self._ask, name=f"probe {self._kind} {number}", daemon=True)
            for number in range(self._question.askers)
        ]
        for thread in threads:
            thread.start()
        return threads

    def tell_end(self) -> None:
        progress = self.progress
        self._stage.record(
            LOAD,
            self._kind,
            Outcome.FAILED if progress.failure else Outcome.OK,
            actor="prober",
            of=CALL,
            attempted=progress.attempted,
            skipped=progress.skipped,
            rate_per_s=self._question.rate_per_s,
            message=progress.failure,
        )

    def _ask(self) -> None:
        clock = self._stage.clock
        try:
            while not self.progress.stop.is_set():
                with self._lock:
                    due_s, wait_s = self._beats.due(), self._beats.wait_s()
                    self.progress.attempted += due_s is not None
                if due_s is None:
                    clock.sleep_s(min(wait_s, _NAP_S))
                elif not self._ask_once(due_s) and self._question.insists:
                    with self._lock:
                        self._beats.retry()
        except Exception as error:  # noqa: BLE001 - a dead prober must show in the history, whatever killed it
            self.progress.failure = f"{type(error).__name__}: {error}"

    def _ask_once(self, due_s: float) -> bool:
        """Whether the answer was a good one."""
        stage = self._stage
        sent_s = stage.clock.now_s()
        reply = self._question.ask()
        now_s = stage.clock.now_s()
        stage.record_at(
            now_s,
            CALL,
            self._kind,
            reply.outcome if reply.answered else Outcome.UNSURE,
            actor="prober",
            status=reply.status,
            latency_s=round(now_s - sent_s, 6),
            intended_s=round(due_s - stage.origin_s, 6),
            message=reply.message,
        )
        if reply.accepted:
            self.progress.confirmed_sent_s.append(sent_s)
        return reply.accepted
