"""What a probe may come to. Denied is silence; a server that is down refuses; a prober that cannot act says so."""

from __future__ import annotations

import errno
import os
import time
from typing import Final

CONNECTED: Final = "connected"
REFUSED: Final = "refused"
DROPPED: Final = "dropped"
NO_ROUTE: Final = "no route"
NAME_NOT_FOUND: Final = "name not found"
FAILED: Final = "prober failed"

Answer = tuple[str, float, str]
"""(outcome, milliseconds, evidence)."""

_OUTCOMES: Final = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: REFUSED,
    errno.EPERM: DROPPED,  # a datagram that the sender's own filter takes is known at once
    errno.EACCES: DROPPED,
    errno.ETIMEDOUT: DROPPED,
    errno.ENETUNREACH: NO_ROUTE,
    errno.EHOSTUNREACH: NO_ROUTE,
}


def failure(error: OSError | KeyError | int, began_s: float) -> Answer:
    """By the kernel's error number; one that says nothing about the edge is the prober's own failure."""
    if isinstance(error, KeyError):
        return FAILED, elapsed_ms(began_s), f"no namespace {error}"
    code = error if isinstance(error, int) else (error.errno or errno.EIO)
    return _OUTCOMES.get(code, FAILED), elapsed_ms(began_s), os.strerror(code)


def elapsed_ms(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 2)
