"""When lines are written: at once, unless a loop gathers the many small ones."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import threading
from typing import Any

from sim.services.chassis import logs as module
from sim.services.chassis.logs import Logs


class _Stream(io.BytesIO):
    """Remembers how many lines each write brought; a container's standard output keeps nothing back."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[int] = []

    def write(self, data: Any) -> int:
        self.written.append(bytes(data).count(b"\n"))
        return super().write(data)


def test_without_a_loop_every_line_is_written_at_once() -> None:
    """A process that has not begun, or ends, may not live to write it later."""
    stream = _Stream()
    logs = Logs("s", "p", "info", stream)
    logs.log("info", "one")
    logs.log("debug", "below the level")
    logs.log("info", "two")
    assert stream.written == [1, 1]


def test_lines_of_the_loop_are_written_together_soon_and_a_warning_takes_them_along() -> None:
    """Two lines, one write, within the time it may take; then again."""

    async def run() -> tuple[list[int], list[int], list[int]]:
        stream = _Stream()
        logs = Logs("s", "p", "info", stream)
        logs.gather(asyncio.get_running_loop())
        logs.log("info", "one")
        logs.log("info", "two")
        before = list(stream.written)
        await asyncio.sleep(2 * module._GATHERED_S)
        together = list(stream.written)
        logs.log("info", "three")
        logs.log("warning", "four")
        return before, together, stream.written

    before, together, after = asyncio.run(run())
    assert (before, together) == ([], [2])
    assert after == [2, 2]


def test_another_thread_writes_its_line_at_once() -> None:
    """The loop's timers are its own thread's to set."""

    async def run() -> list[int]:
        stream = _Stream()
        logs = Logs("s", "p", "info", stream)
        logs.gather(asyncio.get_running_loop())
        thread = threading.Thread(target=logs.log, args=("info", "from a worker"))
        thread.start()
        thread.join()
        return stream.written

    assert asyncio.run(run()) == [1]


def test_a_process_that_ends_writes_what_waited() -> None:
    """Also one that ends in an error, at which it says last what matters most."""
    program = (
        "import asyncio\nfrom sim.services.chassis.logs import Logs\n"
        "async def run():\n"
        "    logs = Logs('s', 'p', 'info')\n    logs.gather(asyncio.get_running_loop())\n"
        "    logs.log('info', 'the last word')\n    raise SystemExit(3)\n"
        "asyncio.run(run())"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=30)
    assert ended.returncode == 3
    assert b"the last word" in ended.stdout
