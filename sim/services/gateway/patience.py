"""A client that leaves takes its question with it, so that a slow service is not asked for people who have gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sim.services.gateway.bodies import ClientGone, Receive

_LOOK_AFTER_S: Final = 0.25
"""Most answers come sooner, and watching costs a task: it starts only for the others."""


@contextmanager
def while_connected(receive: Receive) -> Iterator[None]:
    """Cancel what is awaited in the ``with``, and raise ClientGone, once the client has closed its connection."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    watcher: asyncio.Task[None] | None = None
    gone = False

    async def listen() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    def watch() -> None:
        nonlocal watcher
        watcher = loop.create_task(listen(), name="client")

    timer = loop.call_later(_LOOK_AFTER_S, watch)
    try:
        yield
    except asyncio.CancelledError:
        if gone:
            raise ClientGone from None
        raise
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
        if gone and task is not None:
            task.uncancel()
