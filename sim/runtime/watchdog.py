"""Outlives the rig by a moment: when the rig is gone without a word, it removes the rig's stack.

A stack that was kept stays: only the faults that the rig left in force there are healed.

``python -m sim.runtime.watchdog STACK_ID`` runs in a session of its own, a pipe's read end as its standard input. The
kernel closes the other end when the rig dies, however it dies. A line ``release`` before that means there is nothing to
do: the stack is gone already, or is to stay. Nothing heavy is imported until there is something to do: it costs a few
MiB and no CPU while it waits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_RELEASE = b"release\n"
_QUIET_S = 1.5
_DEADLINE_S = 120.0
_RETRY_S = 0.5
_FAREWELL_S = 1.0
_HERE = str(Path(__file__).resolve().parents[2])


class Leash:
    """The rig's end of the pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def release(self) -> None:
        """Nothing is left to watch: the stack was removed, or is to stay when the rig ends."""
        with suppress(OSError):
            self._pipe.write(_RELEASE)
            self._pipe.flush()


@contextmanager
def watched(stack_id: str) -> Iterator[Leash]:
    """While open and not released, the stack is removed if this process ends or dies."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sim.runtime.watchdog", stack_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        # The rig may run from a checkout that is not installed, found by its working directory alone.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_HERE, os.environ.get("PYTHONPATH"))))},
    )
    assert process.stdin is not None  # noqa: S101 - PIPE was asked for
    leash = Leash(process.stdin)
    try:
        yield leash
    finally:
        with suppress(OSError):
            process.stdin.close()
        # Released, it ends at once; else its sweep may outlast us, and waiting for it is not our business.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_FAREWELL_S)


def main() -> None:
    stack_id = sys.argv[1]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if sys.stdin.buffer.read().endswith(_RELEASE):
        return
    _sweep_with_patience(stack_id)


def _sweep_with_patience(stack_id: str) -> None:
    """The engine may be restarting, too: try again until it answers or the deadline passes.

    Under the stack's lock: a new rig may have taken the name meanwhile, and what it keeps is not ours to remove.
    """
    from sim.errors import SimError  # noqa: PLC0415 - nothing heavy before it is needed
    from sim.runtime import state  # noqa: PLC0415
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import heal_left_behind  # noqa: PLC0415
    from sim.runtime.sweeping import sweep  # noqa: PLC0415

    deadline_s = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline_s:
        try:
            with state.ownership(stack_id):
                if _kept(stack_id):
                    heal_left_behind(connect(), stack_id)
                else:
                    sweep(connect(), stack_id, quiet_s=_QUIET_S)
        except (SimError, OSError):
            time.sleep(_RETRY_S)
        else:
            return
    os._exit(1)


def _kept(stack_id: str) -> bool:
    from sim.errors import SimError  # noqa: PLC0415
    from sim.runtime import state  # noqa: PLC0415

    with suppress(SimError):
        return state.load(stack_id).kept
    return False


if __name__ == "__main__":
    main()
