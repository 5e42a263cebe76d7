"""Log lines as JSON on standard output, one event a line, with the trace at hand. Never a body, never a secret."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec

from sim.services.chassis.tracing import current_trace

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class Logs:
    """``log(level, message, **fields)``; lines below ``level`` cost next to nothing."""

    def __init__(self, service: str, pod: str, level: str, stream: BinaryIO | None = None) -> None:
        self._service = service
        self._pod = pod
        self._threshold = _LEVELS[level]
        self._stream = stream if stream is not None else sys.stdout.buffer

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
        self._stream.write(_encode(line) + b"\n")
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
