"""Faults composed and timed, as data: several at once, or each at its time and for its time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from sim.errors import SimError
from sim.faults.fault import Fault, Handle
from sim.scenario import Stage

_PARALLEL = 16
_NAP_S = 0.05
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Together:
    """All of ``faults`` at once, healed at once; in effect when every one is."""

    faults: tuple[Fault, ...]
    name: str = "together"

    @property
    def target(self) -> str:
        return ",".join(fault.target for fault in self.faults)

    def inject(self, stage: Stage) -> AllInForce:
        return AllInForce([fault.inject(stage) for fault in self.faults])


class AllInForce(AbstractContextManager[bool]):
    """The handles of several faults as one."""

    def __init__(self, handles: Sequence[Handle]) -> None:
        self._handles = handles
        self._entered: list[Handle] = []

    def __enter__(self) -> bool:
        try:
            return all(self._all(self._enter, self._handles))
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def _enter(self, handle: Handle) -> bool:
        effective = handle.__enter__()
        self._entered.append(handle)
        return effective

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        errors = [error for error in self._all(_healed, self._entered) if error is not None]
        if errors:
            raise errors[0]

    def leave(self, options: str = "") -> None:
        for handle in self._entered:
            handle.leave(options)

    @staticmethod
    def _all(work: Callable[[Handle], _T], handles: Sequence[Handle]) -> list[_T]:
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="fault") as pool:
            return list(pool.map(work, handles))


def _healed(handle: Handle) -> SimError | None:
    try:
        handle.__exit__(None, None, None)
    except SimError as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class Timed:
    """A fault from ``at_s`` on, for ``for_s``, both from the beginning of the course."""

    fault: Fault
    at_s: float
    for_s: float

    @property
    def until_s(self) -> float:
        return self.at_s + self.for_s


@contextmanager
def course(stage: Stage, faults: Sequence[Timed]) -> Iterator[threading.Event]:
    """Each of ``faults`` in its time, on threads of their own. Yields an event that is set when all are healed.

    Leaving the block heals what is still in force. Raises the first error of a healing.
    """
    began_s, stop, done = stage.clock.now_s(), threading.Event(), threading.Event()
    errors: list[SimError] = []
    left = [len(faults)]
    lock = threading.Lock()

    def wait(until_s: float) -> None:
        while not stop.is_set() and (left_s := began_s + until_s - stage.clock.now_s()) > 0:
            stage.clock.sleep_s(min(left_s, _NAP_S))

    def play(timed: Timed) -> None:
        try:
            wait(timed.at_s)
            if not stop.is_set():
                with timed.fault.inject(stage):
                    wait(timed.until_s)
        except SimError as error:
            errors.append(error)
        finally:
            with lock:
                left[0] -= 1
                if not left[0]:
                    done.set()

    threads = [threading.Thread(target=play, args=(timed,), name=timed.fault.name, daemon=True) for timed in faults]
    if not threads:
        done.set()
    with ExitStack() as joined:
        for thread in threads:
            thread.start()
            joined.callback(thread.join)
        joined.callback(stop.set)
        yield done
    if errors:
        raise errors[0]
