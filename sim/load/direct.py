"""Load on one server, in the shape of the field's own tools: a fixed rate over a fixed number of connections.

Each connection is a thread's. All share this interpreter, so the rates are modest ones; how much of a core it took is
part of the report, as for any generator.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sim.clock import Clock
from sim.errors import RigError, SimError
from sim.load.cues import Cue, interleaved, take
from sim.load.dying import take_precedence
from sim.load.journeys import Ask
from sim.load.open_loop import Segment, due_times_s
from sim.load.samples import SILENT, LoadReport, Sample, reported, told

_GRACE_S = 12.0
_POLL_S = 0.02
_GOOD = 200

Worker = Callable[[int], str]
"""Does operation number n over its own connection and answers with the name of its kind. Raises SimError."""


@dataclass(slots=True)
class _Run:
    begins_s: float
    due_s: Sequence[float]
    waiting: deque[int]
    samples: list[tuple[int, Sample]] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DirectLoad:
    """``workers``: one for each connection. ``modelled`` servers are asked by one of them, in this thread.

    ``arrived_s``, filled by somebody else: when operation n came to its other end. Then latency counts to there, and
    one that never arrives is an error.
    """

    workers: Sequence[Worker]
    clock: Clock
    rng: random.Random
    modelled: bool = False
    name: str = "threads"
    arrived_s: Mapping[int, float] | None = None

    def play(self, segment: Segment, cues: Sequence[Cue] = ()) -> LoadReport:
        """Raises RigError when the generator failed."""
        due = due_times_s(segment, self.rng)
        run = _Run(self.clock.now_s(), due, deque(range(len(due))))
        if self.modelled:
            interleaved(due, lambda number: self._one(self.workers[0], run, number), cues, self.clock, run.begins_s)
            run.waiting.clear()
        else:
            self._beside(run, segment, cues)
        ends_s = run.begins_s + segment.duration_s
        self.clock.sleep_s(ends_s - self.clock.now_s())
        samples = [sample for _, sample in run.samples] if self.arrived_s is None else self._arrivals(run, ends_s)
        part = {
            "name": segment.name,
            "rate_per_s": segment.rate_per_s,
            "duration_s": segment.duration_s,
            "due": len(due),
            "unsent": len(run.waiting),
            "cpu_share": sum(run.cpu_s) / segment.duration_s,
            "in_flight_max": len(self.workers),
            "cut_short": False,
            **told(samples, run.begins_s, segment.duration_s),
        }
        return reported([part], run.begins_s)

    def _arrivals(self, run: _Run, ends_s: float) -> list[Sample]:
        """Every good sample to where it arrived, after a grace for those that are late."""
        arrived_s = self.arrived_s or {}
        while self.clock.now_s() < ends_s + _GRACE_S and any(n not in arrived_s for n, s in run.samples if _good(s)):
            self.clock.sleep_s(_POLL_S)
        return [
            sample
            if not _good(sample)
            else sample._replace(done_s=arrived_s[number])
            if number in arrived_s
            else sample._replace(status=SILENT, reason="never arrived")
            for number, sample in run.samples
        ]

    def _beside(self, run: _Run, segment: Segment, cues: Sequence[Cue]) -> None:
        threads = [threading.Thread(target=self._serve, args=(worker, run), daemon=True) for worker in self.workers]
        for thread in threads:
            thread.start()
        take(cues, self.clock, run.begins_s)
        gives_up_s = run.begins_s + segment.duration_s + _GRACE_S
        for thread in threads:
            thread.join(max(0.1, gives_up_s - self.clock.now_s()))
        if run.failures or any(thread.is_alive() for thread in threads):
            raise RigError(f"The load generator failed: {(run.failures or ['it did not end in time'])[0]}.")

    def _serve(self, worker: Worker, run: _Run) -> None:
        take_precedence()
        began_cpu_s = time.thread_time()
        try:
            while True:
                try:
                    number = run.waiting.popleft()
                except IndexError:
                    return
                self._one(worker, run, number)
        except Exception as error:  # noqa: BLE001 - a dead thread must show, whatever killed it
            run.failures.append(f"{type(error).__name__}: {error}")
        finally:
            run.cpu_s.append(time.thread_time() - began_cpu_s)

    def _one(self, worker: Worker, run: _Run, number: int) -> None:
        due_s = run.begins_s + run.due_s[number]
        early_s = due_s - self.clock.now_s()
        self.clock.sleep_s(early_s)
        sent_s = self.clock.now_s()
        # A connection that was still busy when this was due had been kept waiting by the server.
        late_s = max(0.0, sent_s - due_s) if early_s > 0 else 0.0
        try:
            kind, status, reason = worker(number), _GOOD, ""
        except SimError as error:
            kind, status, reason = "failed", SILENT, str(error.what)[:120]
        run.samples.append((number, Sample(Ask(kind, "", ""), due_s, late_s, self.clock.now_s(), status, reason)))


def _good(sample: Sample) -> bool:
    return sample.status == _GOOD
