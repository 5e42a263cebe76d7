"""Under a timeline: the slowest operation of each slice of time, so that a stall shows that nobody failed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from sim.report.summary import number_text
from sim.report.svg import box, line, text, ticks

TOP, BOTTOM = 306.0, 352.0
HEIGHT = 362.0
_Scale = Callable[[float], float]


def strip(slowest: Sequence[tuple[float, float, float]], left: float, right: float, x: _Scale) -> list[Markup]:
    """``slowest`` are (from, to, latency) in seconds; a slice in which nothing ended has none and draws none."""
    rates = ticks(max(latency_s for _, _, latency_s in slowest) * 1000, 2)

    def y(ms: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * ms / rates[-1]

    parts = [text(left - 44, TOP - 8, "slowest, ms", "label quiet")]
    for ms in (rates[0], rates[-1]):
        parts += [line(left, y(ms), right, y(ms), "grid"), text(left - 8, y(ms) + 4, number_text(ms), "tick", "end")]
    for from_s, to_s, latency_s in slowest:
        ms = latency_s * 1000
        title = f"{from_s:g} to {to_s:g} s: slowest {number_text(round(ms, 1))} ms"
        width = max(x(to_s) - x(from_s) - 1, 0.8)
        parts.append(box(x(from_s), y(ms), width, BOTTOM - y(ms), "slow", title=title))
    return parts
