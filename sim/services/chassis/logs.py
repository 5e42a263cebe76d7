"""Log lines as JSON on standard output, one event a line, with the trace at hand. Never a body, never a secret."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import threading
import traceback
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec

from sim.services.chassis.tracing import current_trace

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_AT_ONCE: Final = _LEVELS["warning"]
_GATHERED_S: Final = 0.05
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class Logs:
    """``log(level, message, **fields)``; lines below ``level`` cost next to nothing."""

    def __init__(self, service: str, pod: str, level: str, stream: BinaryIO | None = None) -> None:
        self._service = service
        self._pod = pod
        self._threshold = _LEVELS[level]
        self._stream = stream if stream is not None else sys.stdout.buffer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._flush_is_due = False
        self._waiting: deque[bytes] = deque()

    def gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on lines of this thread below ``warning`` wait up to 50 ms for others, to be written together.

        A request's line costs as much as its answer when it is written alone. They are written at the process's exit;
        one that is killed loses them.
        """
        self._loop, self._thread = loop, threading.get_ident()
        atexit.register(self.flush)

    def enabled(self, level: str) -> bool:
        return _LEVELS[level] >= self._threshold

    def log(self, level: str, message: str, **fields: Any) -> None:
        if _LEVELS[level] < self._threshold:
            return
        line: dict[str, Any] = {
            "ts": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "service": self._service,
            "pod": self._pod,
            "message": message,
        }
        trace = current_trace()
        if trace is not None:
            line["trace_id"] = trace.trace_id
            line["span_id"] = trace.span_id
            if trace.parent_id:
                line["parent_span_id"] = trace.parent_id
        line.update(fields)
        self._waiting.append(_encode(line) + b"\n")
        if self._loop is None or _LEVELS[level] >= _AT_ONCE or threading.get_ident() != self._thread:
            self.flush()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_later(_GATHERED_S, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if threading.get_ident() == self._thread:
            self._flush_is_due = False
        lines: list[bytes] = []
        with suppress(IndexError):
            # Other threads may add and take meanwhile: each line is taken once.
            while True:
                lines.append(self._waiting.popleft())
        if lines:
            self._stream.write(b"".join(lines))
            self._stream.flush()

    def failure(self, message: str, error: BaseException, **fields: Any) -> None:
        """A programming error: where it happened belongs in the log, and nowhere a user looks."""
        place = "".join(traceback.format_exception(error))
        self.log("error", message, error=type(error).__name__, reason=str(error)[:500], trace=place[-4000:], **fields)

    def adopt_library_logs(self) -> None:
        """Warnings of libraries (uvicorn, asyncio) as lines like ours."""
        root = logging.getLogger()
        root.handlers[:] = [_Adopted(self)]
        root.setLevel(logging.WARNING)


class _Adopted(logging.Handler):
    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        fields = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            self._logs.failure(record.getMessage(), record.exc_info[1], **fields)
        else:
            self._logs.log(level, record.getMessage(), **fields)
