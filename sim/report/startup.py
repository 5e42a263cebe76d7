"""The start-up timeline: one bar a server, from its creation by way of its start to the moment it answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from sim.record import StartupSpan
from sim.report.svg import box, clipped, drawing, line, text, ticks

_WIDTH = 900.0
_LEFT, _RIGHT = 214.0, 836.0
_ROW = 22.0
_TOP = 26.0


def startup_timeline(spans: Sequence[StartupSpan]) -> Markup:
    """Bars in order of creation; one that never became ready runs to the end and says so."""
    end_s = max(
        (s for span in spans for s in (span.create_s, span.start_s, span.ready_s) if s is not None), default=0.0
    )
    marks = ticks(end_s, 8)
    bottom = _TOP + len(spans) * _ROW

    def x(t_s: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * t_s / marks[-1]

    parts = []
    for mark in marks:
        parts += [
            line(x(mark), _TOP - 4, x(mark), bottom, "grid"),
            text(x(mark), _TOP - 10, f"{mark:g} s", "tick", "middle"),
        ]
    for row, span in enumerate(sorted(spans, key=lambda s: (s.create_s, s.start_s or end_s, s.server))):
        y = _TOP + row * _ROW
        parts.append(text(_LEFT - 10, y + 15, clipped(span.server, 30), "label", "end"))
        parts += _bars(span, y, end_s, x)
    return drawing(_WIDTH, bottom + 10, summary(spans), *parts)


def summary(spans: Sequence[StartupSpan]) -> str:
    """The timeline in a sentence."""
    ready = [span.ready_s for span in spans if span.ready_s is not None]
    if not ready:
        return f"None of {len(spans)} servers became ready."
    never = [span.server for span in spans if span.ready_s is None]
    said = f"{len(ready)} of {len(spans)} servers ready, the last after {max(ready):.1f} s"
    return f"{said}; never ready: {', '.join(never)}." if never else f"{said}."


def _bars(span: StartupSpan, y: float, end_s: float, x: Callable[[float], float]) -> tuple[Markup, ...]:
    def bar(from_s: float, to_s: float, class_: str, what: str) -> Markup:
        return box(x(from_s), y + 4, x(to_s) - x(from_s), _ROW - 8, class_, title=f"{span.server}: {what}", radius=2)

    if span.start_s is None:
        waited = bar(span.create_s, end_s, "created", f"created at {span.create_s:.2f} s, never started")
        return (waited, text(x(end_s) + 6, y + 15, "✗ not started", "tick bad"))
    created = bar(span.create_s, span.start_s, "created", f"created at {span.create_s:.2f} s")
    since = f"started at {span.start_s:.2f} s"
    if span.ready_s is None:
        waiting = bar(span.start_s, end_s, "waiting", f"{since}, not ready by {end_s:.2f} s")
        return (created, waiting, text(x(end_s) + 6, y + 15, "✗ not ready", "tick bad"))
    starting = bar(span.start_s, span.ready_s, "starting", f"{since}, ready at {span.ready_s:.2f} s")
    return (created, starting, text(x(span.ready_s) + 6, y + 15, f"{span.ready_s:.1f} s", "tick"))
