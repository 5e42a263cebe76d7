"""A generator's process: it does not outlive its parent, however that ends, and is not kept waiting for a core."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NICENESS = -15


def take_precedence() -> None:
    """Ask that this thread is run before the platform measured on the same machine; where not allowed, go without.

    A generator that waits for a core measures its own wait.
    """
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    with suppress(OSError, AttributeError):
        # It sleeps most of the time; the kernel leaves the others their share should it not.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent ends; at once when it has ended already.

    Linux only. Elsewhere a child lives to its own time limit.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)
