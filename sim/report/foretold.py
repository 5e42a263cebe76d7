"""The model's word and what was found: how long answers take at each rate, foretold as a curve and seen as points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from sim.capacity.as_run import as_run
from sim.capacity.demands import Level, TooLittleError, levels_of
from sim.capacity.network import Network
from sim.history import Observation
from sim.report.panel import Panel
from sim.report.summary import number_text
from sim.report.svg import drawing, element, line, path, text, ticks

_WIDTH, _HEIGHT = 900.0, 264.0
_LEFT, _RIGHT = 56.0, 872.0
_TIMES = (40.0, 210.0)
_POINTS = 160


@dataclass(frozen=True, slots=True)
class Foretold:
    """Rates in ascending order."""

    network: Network
    levels: tuple[Level, ...]


def foretold(observations: Sequence[Observation], bound_s: float) -> Foretold | None:
    """None unless costs were measured at some rates."""
    try:
        levels = levels_of(observations)
        broken_per_s = min((each.rate_per_s for each in levels if _broken(each, bound_s)), default=math.inf)
        model = as_run(observations, broken_per_s)
    except (TooLittleError, KeyError, TypeError, ValueError):
        return None
    return Foretold(model.beside(model.foreign_cores(broken_per_s) or 0.0), levels)


def _broken(level: Level, bound_s: float) -> bool:
    return level.errors > 0 or level.latency.p99_s > bound_s


def summary(seen: Foretold, bound_s: float) -> str:
    first, ceiling = seen.network.first_to_saturate()
    knee = seen.network.knee_per_s(bound_s)
    told = f"Foretold: {number_text(round(knee, 1))} requests a second within {1000 * bound_s:g} ms"
    return f"{told}; {first} ends it at {number_text(round(ceiling, 1))}."


def foretold_chart(seen: Foretold, bound_s: float) -> Markup:
    knee = seen.network.knee_per_s(bound_s)
    most = max(seen.levels[-1].rate_per_s, knee if math.isfinite(knee) else 0.0)
    rates = ticks(1.02 * most, 8)
    times = Panel.of("milliseconds, 99th percentile", _TIMES, 1600 * bound_s)

    def x(rate: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * rate / rates[-1]

    at = times.y(1000 * bound_s)
    parts = [
        *times.axes(_LEFT, _RIGHT),
        *(text(x(rate), _TIMES[1] + 18, number_text(rate), "tick", "middle") for rate in rates),
        text(_RIGHT, _TIMES[1] + 36, "requests a second", "tick", "end"),
        line(_LEFT, at, _RIGHT, at, "bound"),
        text(_LEFT + 6, at - 5, "promised", "tick fault-name"),
        path(_curve(seen.network, rates[-1], times, x), "curve sent"),
    ]
    if math.isfinite(knee):
        parts.append(line(x(knee), _TIMES[0] - 6, x(knee), _TIMES[1], "leader-mark"))
    for level in seen.levels:
        rate, p99_s = level.rate_per_s, level.latency.p99_s
        title = element("title", f"{rate:g}/s: p99 {1000 * p99_s:.0f} ms, {level.errors} errors")
        class_ = "dot broken" if _broken(level, bound_s) else "dot"
        parts.append(element("circle", title, cx=x(rate), cy=times.y(1000 * p99_s), r=4, class_=class_))
    return drawing(_WIDTH, _HEIGHT, f"Latency foretold and found. {summary(seen, bound_s)}", *parts)


def _curve(network: Network, most: float, times: Panel, x: Any) -> str:
    """Up to where it leaves the picture."""
    points = []
    for number in range(_POINTS + 1):
        rate = most * number / _POINTS
        p99_ms = 1000 * network.latency(rate).p99_s
        points.append(f"{x(rate):.1f} {times.y(min(p99_ms, 1e9)):.1f}")
        if p99_ms > times.levels[-1]:
            break
    return "M" + "L".join(points)
