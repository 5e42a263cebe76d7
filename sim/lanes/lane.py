"""The rig's end of a lane: its process started, asked one thing at a time, interrupted, and seen off."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sim.errors import RigError, SimError
from sim.history import History, Observation, Outcome
from sim.judging import RIG_FAULT
from sim.lanes.messages import (
    Assignment,
    Command,
    Conclude,
    Concluded,
    Failed,
    Leave,
    Left,
    Play,
    Played,
    Rising,
    Up,
)
from sim.lanes.sharing import Condition
from sim.pipeline import Account, Run
from sim.plan.model import ServerSpec
from sim.record import ScenarioResult, ServerRow
from sim.runtime.rising import Progress
from sim.scenario import Scenario

_FAREWELL_S = 120.0
_BLOCK_BYTES = 2**16
_HERE = str(Path(__file__).resolve().parents[2])
_LOST = "lost"
"""What is told of a server whose lane died: nobody was left to ask."""

Reply = TypeVar("Reply", Up, Played, Concluded, Left)


class LaneDied(RigError):  # noqa: N818 - what happened to it
    """A lane's process is gone without a word."""


@dataclass(slots=True)
class Lane:
    """One stack and its process. Asked by one thread at a time; ``interrupt`` comes from anywhere.

    ``played`` are the scenarios begun here, in order.
    """

    assignment: Assignment
    process: subprocess.Popen[bytes]
    up: Up | None = None
    played: list[Scenario] = field(default_factory=list)
    dead: bool = False
    left: bool = False

    @property
    def stack(self) -> str:
        return self.assignment.stack

    @property
    def label(self) -> str:
        return f"stack {self.assignment.number}"

    def rise(self, progress: Progress) -> None:
        """Until the stack stands. Raises SimError with the reason why it does not."""
        self.up = self._ask(self.assignment, Up, progress)

    def play(self, scenario: Scenario, origin_s: float) -> Condition:
        """Rehearse it; the lane's own death is the scenario's rig fault."""
        self.played.append(scenario)
        try:
            played = self._ask(Play(scenario.name, scenario.parameters, origin_s), Played)
        except SimError as error:
            # What a scenario raises is in its history and no failure here: this is the process's own.
            self._own_up(scenario, str(error), origin_s)
            return Condition.GONE
        if played.interrupted:
            return Condition.INTERRUPTED
        return Condition.BROKEN if played.broken else Condition.WHOLE

    def conclude(self, run: Run) -> Account:
        """What there is to tell of this stack; of a lane that died, what its files say."""
        assert self.up is not None  # noqa: S101 - only lanes that stand are asked to play or to conclude
        results, servers, logs = self._concluded(run, self.up)
        return Account(
            stack=self.stack,
            plan=self.up.plan,
            secrets=self.up.secrets,
            host=self.up.host,
            timeline=self.up.timeline,
            results=results,
            servers=servers,
            logs=logs,
        )

    def leave(self, *, keep: bool) -> None:
        """Its stack removed, or left up, and its process gone. Raises RigError when the stack could not be removed."""
        self.left = True
        try:
            self._ask(Leave(keep), Left)
        finally:
            self.close()

    def interrupt(self) -> None:
        """End what can be cut short."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now; what it leaves is for its stack's watchdog."""
        with suppress(ProcessLookupError):
            self.process.kill()

    def hang_up(self) -> None:
        """Its process sees that the rig is gone, and ends with its stack."""
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()

    def close(self) -> None:
        """Hang up, and wait until its process has ended."""
        self.hang_up()
        try:
            self.process.wait(timeout=_FAREWELL_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()

    def _concluded(
        self, run: Run, up: Up
    ) -> tuple[tuple[ScenarioResult, ...], tuple[ServerRow, ...], Mapping[str, str]]:
        if not self.dead:
            try:
                told = self._ask(Conclude(), Concluded)
            except SimError:
                pass
            else:
                return told.results, told.servers, told.logs
        results = run.judged(self.assignment.history, self.played, up.plan) if self.played else ()
        return results, tuple(_lost(server) for server in up.plan.servers), {}

    def _ask(self, command: Command, reply: type[Reply], progress: Progress | None = None) -> Reply:
        """Raises what the other end answers when it cannot, LaneDied when it does not."""
        assert self.process.stdin is not None  # noqa: S101 - PIPE was asked for
        assert self.process.stdout is not None  # noqa: S101 - likewise
        try:
            pickle.dump(command, self.process.stdin)
            self.process.stdin.flush()
            while isinstance(answer := pickle.load(self.process.stdout), Rising):  # noqa: S301 - from our own child
                if progress is not None:
                    progress.server(answer.server, answer.phase, answer.elapsed_s)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.dead = True
            raise LaneDied(f"The process that rehearsed on stack {self.stack} {self._end()}.") from error
        if isinstance(answer, Failed):
            raise answer.error()
        if not isinstance(answer, reply):
            raise RigError(f"Stack {self.stack} answered {type(answer).__name__} where {reply.__name__} was due.")
        return answer

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=1.0)
            return f"was killed (signal {-code})" if code < 0 else f"ended by itself (exit code {code})"
        return "no longer answers"

    def _own_up(self, scenario: Scenario, message: str, origin_s: float) -> None:
        path = self.assignment.history
        mend(path)
        history = History(path)
        t_s = self.assignment.clock.now_s() - origin_s
        history.append(Observation(t_s, scenario.name, "rig", RIG_FAULT, "", Outcome.FAILED, {"message": message}))
        history.close()


def _lost(server: ServerSpec) -> ServerRow:
    return ServerRow(
        name=server.name,
        kind=server.kind,
        namespace=server.namespace,
        app=server.app,
        state=_LOST,
        address=server.address,
        ports={},
        fidelity=server.image.fidelity,
        section=server.section,
    )


def mend(path: Path) -> None:
    """A process that was killed may have written half a line: drop it, so that the whole ones can be read."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        kept = size
        while kept > 0:
            start = max(0, kept - _BLOCK_BYTES)
            file.seek(start)
            found = file.read(kept - start).rfind(b"\n")
            if found >= 0:
                kept = start + found + 1
                break
            kept = start
        if kept < size:
            file.truncate(kept)


@contextmanager
def lanes(worker: str, assignments: Sequence[Assignment]) -> Iterator[tuple[Lane, ...]]:
    """A process each, running the module ``worker``; no stack yet. Whatever becomes of the rig, they end with it."""
    with ExitStack() as opened:
        started = []
        for assignment in assignments:
            lane = Lane(assignment, _started(worker))
            opened.callback(lane.close)
            started.append(lane)
        for lane in started:
            opened.callback(lane.hang_up)  # all of them before any is waited for
        yield tuple(started)


def _started(worker: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A terminal's Ctrl-C is for the rig, which passes it on.
        start_new_session=True,
        # The rig may run from a checkout that is not installed, found by its working directory alone.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_HERE, os.environ.get("PYTHONPATH"))))},
    )
