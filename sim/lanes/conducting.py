"""One run over several lanes: raised one after another, played at the same time, told in one report.

What needs the machine to itself comes last, on one stack, when the others are gone.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from sim.errors import SimError
from sim.history import History, Observation, Outcome
from sim.judging import RIG_FAULT, counts
from sim.lanes.lane import Lane, mend
from sim.lanes.sharing import Condition, Deal, in_order
from sim.pipeline import Account, Run
from sim.record import Record
from sim.runtime.rising import Progress
from sim.scenario import Scenario
from sim.verdict import Status

_PATIENCE = 2
"""How often a lane is asked to end what it does; whoever asks once more wants it gone."""

Announce = Callable[[Scenario, int, int, str], None]


@dataclass(slots=True)
class Stop:
    """Whether the user wants an end, and how badly: passed on to all lanes, each time."""

    lanes: Sequence[Lane]
    times: int = 0

    def __bool__(self) -> bool:
        return self.times > 0

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.times += 1
        for lane in self.lanes:
            if self.times <= _PATIENCE:
                lane.interrupt()
            else:
                lane.kill()


@contextmanager
def heeding(lanes: Sequence[Lane]) -> Iterator[Stop]:
    """Ctrl-C and SIGTERM end what the lanes do, and are raised here when everything is seen to."""
    stop = Stop(lanes)
    before = {number: signal.signal(number, stop.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop:
        raise KeyboardInterrupt


@dataclass(slots=True)
class Conductor:
    """``show`` opens the view of a stack on its way up; ``say`` tells of lanes; ``keeps`` whether a stack stays."""

    run: Run
    lanes: Sequence[Lane]
    announce: Announce
    show: Callable[[Lane], AbstractContextManager[Progress]]
    say: Callable[[str], None]
    keeps: Callable[[Status], bool]
    _begun: int = 0
    _accounts: dict[str, Account] = field(default_factory=dict)
    _unremoved: list[SimError] = field(default_factory=list)

    def conduct(self, durations: Mapping[str, float]) -> Record:
        """Interrupted, what was seen is judged and written before that is raised.

        Raises SimError when a stack does not rise, or, at the end, when one could not be removed.
        """
        with heeding(self.lanes) as stop:
            began_s = time.monotonic()
            self._raise(stop)
            up_s = round(time.monotonic() - began_s, 3)
            started_at = datetime.now(UTC)
            self.run.begin()
            origin_s = self.run.clock.now_s()
            self._play(stop, origin_s)
            spent = {**durations, "up_s": up_s, "scenarios_s": round(self.run.clock.now_s() - origin_s, 3)}
            self._conclude(self.lanes)
            self._gather()
            record = self.run.report([self._accounts[lane.stack] for lane in self.lanes], started_at, spent)
            self._leave(self.lanes, interrupted=bool(stop))
        if self._unremoved:
            raise self._unremoved[0]
        return record

    def _raise(self, stop: Stop) -> None:
        """One after another: side by side they would take as long and miss their deadlines."""
        for lane in self.lanes:
            try:
                with self.show(lane) as progress:
                    lane.rise(progress)
            except SimError:
                if stop:
                    raise KeyboardInterrupt from None
                raise
            if stop:
                raise KeyboardInterrupt

    def _play(self, stop: Stop, origin_s: float) -> None:
        together = in_order([s for s in self.run.scenarios if not s.undisturbed])
        by_themselves = [s for s in self.run.scenarios if s.undisturbed]
        fit, left = self._deal(together, self.lanes, stop, origin_s)
        left = (*left, *by_themselves)
        if by_themselves and fit and not stop:
            others = [lane for lane in self.lanes if lane is not fit[0]]
            self._conclude(others)
            self._leave(others, interrupted=False)
            if self._unremoved:
                self._own_up(by_themselves, f"the machine was not theirs alone: {self._unremoved[0].what}", origin_s)
                return
            _, left = self._deal(by_themselves, fit[:1], stop, origin_s)
        if not stop:
            self._own_up(left, "no stack was left to rehearse on", origin_s)

    def _deal(
        self, scenarios: Sequence[Scenario], lanes: Sequence[Lane], stop: Stop, origin_s: float
    ) -> tuple[tuple[Lane, ...], tuple[Scenario, ...]]:
        return Deal(origin_s, self._announce, self._retire, lambda: bool(stop)).out(scenarios, lanes)

    def _announce(self, scenario: Scenario, lane: Lane) -> None:
        self._begun += 1
        self.announce(scenario, self._begun, len(self.run.scenarios), lane.label)

    def _retire(self, lane: Lane, condition: Condition) -> None:
        why = "its process is gone" if condition is Condition.GONE else "servers of it did not come back"
        self.say(f"{lane.label} takes no more scenarios: {why}")

    def _own_up(self, left: Sequence[Scenario], message: str, origin_s: float) -> None:
        """Why these were not played."""
        if not left:
            return
        t_s = self.run.clock.now_s() - origin_s
        history = History(self.run.history)
        for scenario in left:
            history.append(Observation(t_s, scenario.name, "rig", RIG_FAULT, "", Outcome.FAILED, {"message": message}))
        history.close()

    def _conclude(self, lanes: Sequence[Lane]) -> None:
        """Each tells of itself, all at once: judging a long history takes a core."""
        asked = [lane for lane in lanes if lane.stack not in self._accounts]
        for lane, account in zip(asked, _at_once(lambda lane: lane.conclude(self.run), asked), strict=True):
            self._accounts[lane.stack] = account

    def _gather(self) -> None:
        """The lanes' histories into the run's, one after another: order matters within a scenario only."""
        with self.run.history.open("ab") as whole:
            for lane in self.lanes:
                part = lane.assignment.history
                if part.exists():
                    mend(part)
                    with part.open("rb") as lines:
                        shutil.copyfileobj(lines, whole)
                    part.unlink()

    def _leave(self, lanes: Sequence[Lane], *, interrupted: bool) -> None:
        """What could not be removed is raised when the report is written."""
        kept = [lane for lane in lanes if not lane.dead and self._keep(lane, interrupted=interrupted)]
        going = [lane for lane in lanes if not lane.dead and not lane.left]
        errors = _at_once(lambda lane: _left(lane, keep=lane in kept), going)
        self._unremoved += [error for error in errors if error is not None]
        for lane in kept:
            if lane in going:
                self.say(f"kept: {lane.label} (sim down --stack {lane.stack})")

    def _keep(self, lane: Lane, *, interrupted: bool) -> bool:
        results = self._accounts[lane.stack].results
        good = all(r.verdict is Status.PASS for r in results if counts(r, strict=self.run.strict))
        return self.keeps(Status.PASS if good and not interrupted else Status.UNKNOWN)


def _left(lane: Lane, *, keep: bool) -> SimError | None:
    try:
        lane.leave(keep=keep)
    except SimError as error:
        return error
    return None


def _at_once(do: Callable[[Lane], Any], lanes: Sequence[Lane]) -> list[Any]:
    with ThreadPoolExecutor(max(1, len(lanes)), thread_name_prefix="lane") as pool:
        return list(pool.map(do, lanes))
