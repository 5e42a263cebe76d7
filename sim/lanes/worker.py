"""A lane's process: one stack of its own, one scenario at a time, until the rig says leave or is gone.

An interruption (SIGTERM, from the rig) ends what can be cut short: a stack on its way up, a scenario, whose faults heal
on the way out. Telling of the stack and removing it are not cut short; killed there, the stack's watchdog takes over.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import BinaryIO

from sim.errors import EXIT_UNKNOWN, SimError
from sim.history import History
from sim.judging import judge_history
from sim.lanes.messages import (
    Answer,
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
from sim.pipeline import Venue, account_of, images_of
from sim.preparing import Document, order_of
from sim.record import ScenarioResult
from sim.rehearsal import Rehearsal
from sim.runtime.rising import Phase
from sim.scenario import Scenario
from sim.topology.load import parse_topology
from sim.topology.model import Topology

_COME_BACK_S = 15.0
_LOOK_AGAIN_S = 1.0

Send = Callable[[Answer | Rising], None]


def main(table: Mapping[str, Scenario]) -> None:
    """Serve the rig at the other ends of standard input and output. What else writes there goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    interruption = Interruption()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interruption.on_signal)
    serve(table, sys.stdin.buffer, answers, interruption)


class Interruption:
    """A signal as KeyboardInterrupt where something can be cut short, remembered where nothing can."""

    def __init__(self) -> None:
        self.asked = False
        self._open = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._open:
            raise KeyboardInterrupt

    @contextmanager
    def window(self) -> Iterator[None]:
        """Raises KeyboardInterrupt at once when it was asked for before."""
        self._open = True
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False


def serve(table: Mapping[str, Scenario], commands: BinaryIO, answers: BinaryIO, interruption: Interruption) -> None:
    """One lane's life. What goes wrong is answered, never raised: the rig has the words for it."""
    mailbox: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
    ears = threading.Thread(target=_receive, args=(commands, mailbox), daemon=True)
    ears.start()
    lock = threading.Lock()

    def send(answer: Answer | Rising) -> None:
        with lock, suppress(OSError):  # the rig is gone; the mailbox will say so
            pickle.dump(answer, answers)
            answers.flush()

    assignment = mailbox.get()
    if not isinstance(assignment, Assignment):
        return
    try:
        document = Document(assignment.topology, parse_topology(assignment.topology, "the run's topology"))
        with ExitStack() as life:
            with interruption.window():
                stay = life.enter_context(_stay(assignment, document, send))
            send(Up(stay.venue.plan, dict(stay.venue.secrets), stay.venue.host(), stay.venue.timeline()))
            _Lane(table, assignment, document.topology, stay, interruption, send).work(mailbox)
        send(Left())
    except SimError as error:
        send(Failed.of(error))
    except KeyboardInterrupt:
        send(Failed(EXIT_UNKNOWN, f"Stack {assignment.stack} was interrupted."))
    except Exception as error:  # noqa: BLE001 - the process's last boundary: the rig tells the user
        send(Failed(EXIT_UNKNOWN, f"A mistake of sim's own on stack {assignment.stack}: {_words(error)}"))
    finally:
        ears.join()  # the interpreter must not end under a thread that reads; the rig closes its end


def _receive(commands: BinaryIO, mailbox: queue.SimpleQueue[Command | None]) -> None:
    """Commands as they come. The rig's end closes when it dies, however it dies: then nothing is worth finishing."""
    with suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            command = pickle.load(commands)  # noqa: S301 - from the process that started this one
            mailbox.put(command)
            if isinstance(command, Leave):
                return
    mailbox.put(None)
    os.kill(os.getpid(), signal.SIGTERM)


@dataclass(slots=True)
class _Stay:
    """A place to rehearse for as long as the lane lives; ``leave_up`` says whether it stays when that ends."""

    venue: Venue
    leave_up: Callable[[bool], None]


@contextmanager
def _stay(assignment: Assignment, document: Document, send: Send) -> Iterator[_Stay]:
    if assignment.runtime == "fake":
        from sim.runtime.fake.venue import FakeVenue  # noqa: PLC0415 - only for rehearsals

        venue = FakeVenue.of(document.topology, assignment.wanted, assignment.clock, assignment.seed)
        yield _Stay(replace(venue, id=assignment.stack), lambda _: None)
        return
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.stack import raised  # noqa: PLC0415

    order = order_of(document, assignment.wanted, assignment.images)
    with raised(connect(), order, _Progress(send), keep_on_failure=assignment.keep_on_failure) as stack:

        def leave_up(keep: bool) -> None:
            stack.keep = keep

        yield _Stay(stack, leave_up)


@dataclass(frozen=True, slots=True)
class _Progress:
    """Told on the threads that create servers, too."""

    send: Send

    def server(self, name: str, phase: Phase, elapsed_s: float) -> None:
        self.send(Rising(name, phase, elapsed_s))


@dataclass(slots=True)
class _Lane:
    table: Mapping[str, Scenario]
    assignment: Assignment
    topology: Topology
    stay: _Stay
    interruption: Interruption
    send: Send
    history: History | None = None
    marked_by: str = ""
    played: list[Scenario] = field(default_factory=list)

    def work(self, mailbox: queue.SimpleQueue[Command | None]) -> None:
        """Until the rig says leave, or is gone."""
        while (command := mailbox.get()) is not None and not isinstance(command, Leave):
            try:
                self.send(self._answer(command))
            except SimError as error:
                self.send(Failed.of(error))
            except Exception as error:  # noqa: BLE001 - the rig decides what becomes of the others
                self.send(Failed(EXIT_UNKNOWN, f"A mistake of sim's own: {_words(error)}"))
        self._close()
        if command is not None:
            self.stay.leave_up(command.keep)

    def _answer(self, command: Command) -> Answer:
        if isinstance(command, Play):
            return self._play(command)
        if isinstance(command, Conclude):
            return self._conclude()
        raise TypeError(f"no answer to {type(command).__name__}")

    def _play(self, command: Play) -> Played:
        if self.history is None:
            self.history = History(self.assignment.history)
        rehearsal = Rehearsal(
            self.topology,
            self.stay.venue,
            self.assignment.clock,
            self.assignment.seed,
            self.history,
            command.origin_s,
            resets=True,
        )
        scenario = replace(self.table[command.name], parameters=command.parameters)
        self.played.append(scenario)
        try:
            with self.interruption.window():
                if self.marked_by and not rehearsal.freshen(self.marked_by, scenario):
                    return Played(broken=self._broken())
                whole = rehearsal.play_one(scenario)
                self.marked_by = rehearsal.left_by(scenario, whole=whole)
        except KeyboardInterrupt:
            return Played(interrupted=True)
        finally:
            self.history.flush()
        return Played(broken=() if whole else self._broken())

    def _broken(self) -> tuple[str, ...]:
        """Servers that do not answer and do not come back within a while."""
        clock = self.assignment.clock
        deadline_s = clock.now_s() + _COME_BACK_S
        while True:
            missing = tuple(row.name for row in self.stay.venue.rows() if row.state not in {"ready", "running"})
            if not missing or self.interruption.asked or clock.now_s() > deadline_s:
                return missing
            clock.sleep_s(_LOOK_AGAIN_S)

    def _conclude(self) -> Concluded:
        venue = self.stay.venue
        self._close()
        venue.control.release()
        given = self.assignment
        images = images_of(venue.plan)
        results: tuple[ScenarioResult, ...] = ()
        if self.played:
            results = judge_history(given.history, self.played, self.topology, given.wanted.environment, images)
        account = account_of(venue, results)
        return Concluded(account.results, account.servers, account.logs)

    def _close(self) -> None:
        if self.history is not None:
            self.history.close()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
