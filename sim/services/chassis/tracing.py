"""W3C trace context: parsed, continued, and at hand wherever the work goes (tasks, worker threads, log lines)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


class Trace(NamedTuple):
    """The trace and the span at work in it; ``parent_id`` is empty where the trace began here."""

    trace_id: str
    span_id: str
    parent_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header for whoever is called from here."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def continue_trace(traceparent: object) -> Trace:
    """A new span in the caller's trace, or in a new one when the header is absent or not what W3C says."""
    match = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) and len(traceparent) < 512 else None
    if match is not None:
        version, trace_id, parent_id, flags, more = match.groups()
        forbidden = version == "ff" or (version == "00" and more is not None)
        if not forbidden and trace_id != _NO_TRACE and parent_id != _NO_SPAN:
            return Trace(trace_id, secrets.token_hex(8), parent_id, bool(int(flags, 16) & 1))
    return Trace(secrets.token_hex(16), secrets.token_hex(8), "", sampled=True)


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace() -> Trace | None:
    return _current.get()


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    """Everything in the ``with``, of this task or thread, belongs to ``trace``.

    A worker thread does not inherit it: hand the :class:`Trace` over and enter it there.
    """
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
