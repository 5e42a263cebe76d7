"""A fixed number of threads for blocking work, beside the loop. Daemons: work that hangs cannot hold up an exit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

Value = TypeVar("Value")


class Workers:
    """``submit`` and forget, or ``await run(work)``. Work must not raise out of ``submit``."""

    def __init__(self, name: str, count: int) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(count)
        ]
        self.count = count

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Threads end after the work they have; nobody waits for them."""
        for _ in self._threads:
            self._queue.put(None)

    def submit(self, work: Callable[[], None]) -> None:
        self._queue.put(work)

    async def run(self, work: Callable[[], Value]) -> Value:
        """Its value or its exception, awaited on the loop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Value] = loop.create_future()

        def job() -> None:
            try:
                value = work()
            except BaseException as error:  # noqa: BLE001 - carried over to whoever awaits
                settle = _raise(done, error)
            else:
                settle = _answer(done, value)
            loop.call_soon_threadsafe(settle)

        self._queue.put(job)
        return await done

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            work()


def _answer(done: asyncio.Future[Value], value: Value) -> Callable[[], None]:
    return lambda: None if done.done() else done.set_result(value)


def _raise(done: asyncio.Future[Value], error: BaseException) -> Callable[[], None]:
    return lambda: None if done.done() else done.set_exception(error)
