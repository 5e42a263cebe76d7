"""What a service needs to reach, and whether it does: nobody waits for a server that is known to be gone.

Work goes on while a dependency is ``up``. Who sees it fail calls :meth:`Dependency.suspect`; the watcher then tries it,
and while it does not answer says ``down`` and tries again with backoff. While down, work is refused at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Final

from sim.services.chassis.backoff import Backoff
from sim.services.chassis.link import Log
from sim.services.chassis.workers import Workers

_FRESH_S: Final = 2.0
_LONGEST_WAIT_S: Final = 1.0
"""Between two tries of what is down: one connection attempt a second costs nothing, and a service that opens its
connections anew for each request, as PHP's do, would find it at once."""
_HEALTH_PATIENCE_S: Final = 1.0


class Dependency:
    """One server. ``since_s`` is Unix seconds.

    ``try_it`` is blocking, raises what is wrong, and takes a few seconds at most. Without ``required`` the service is
    ready all the same, and degraded.
    """

    def __init__(self, name: str, try_it: Callable[[], None], *, required: bool, log: Log, random: Random) -> None:
        self.name = name
        self.required = required
        self.up = False
        self.reason = "not reached yet"
        self.since_s = time.time()
        self._try_it = try_it
        self._log = log
        self._backoff = Backoff(random, longest_s=_LONGEST_WAIT_S)
        self._proved_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._suspected = asyncio.Event()
        self._tried = asyncio.Event()
        self._listeners: list[Callable[[bool], None]] = []

    def on_change(self, listener: Callable[[bool], None]) -> None:
        """Called on the loop with ``up`` at each change."""
        self._listeners.append(listener)

    def proved(self) -> None:
        """It just answered somebody; from any thread."""
        self._proved_s = time.monotonic()

    def suspect(self) -> None:
        """It just failed somebody; from any thread. It is tried at once."""
        self._proved_s = 0.0
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._suspected.set)

    async def refresh(self) -> None:
        """For health: have it tried if nobody has heard of it lately; waits a second at most."""
        if self.up and time.monotonic() - self._proved_s > _FRESH_S:
            self._tried.clear()
            self._suspected.set()
            try:
                await asyncio.wait_for(self._tried.wait(), _HEALTH_PATIENCE_S)
            except TimeoutError:
                return  # the watcher is about to find out

    async def watch(self, workers: Workers) -> None:
        """For ever. The first try is at once."""
        self._loop = asyncio.get_running_loop()
        while True:
            if await self._attempt(workers):
                self._backoff.reset()
                await self._suspected.wait()
            else:
                await asyncio.sleep(self._backoff.next_s())

    async def _attempt(self, workers: Workers) -> bool:
        self._suspected.clear()
        try:
            await workers.run(self._try_it)
        except Exception as error:  # noqa: BLE001 - whatever the driver says, it is not there
            self._change(up=False, reason=(str(error) or type(error).__name__)[:300])
            return False
        finally:
            self._tried.set()
        self.proved()
        self._change(up=True, reason="answers")
        return True

    def _change(self, *, up: bool, reason: str) -> None:
        self.reason = reason
        if up == self.up:
            return
        self.up, self.since_s = up, time.time()
        self._log("info" if up else "warning", f"{self.name} {'reached' if up else 'lost'}", reason=reason)
        for listener in self._listeners:
            listener(up)
