"""The model's word and what was found: how long answers take at each rate, foretold as a curve and seen as points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from sim.capacity.as_run import model_of
from sim.capacity.measured import TooLittleError
from sim.capacity.network import Network
from sim.history import Observation, only
from sim.report.panel import Panel
from sim.report.summary import number_text
from sim.report.svg import drawing, element, line, path, text, ticks

STEP = "step"
"""One rate that was tried: ``{"rate_per_s", "p99_s", "errors", …}``."""

_WIDTH, _HEIGHT = 900.0, 264.0
_LEFT, _RIGHT = 56.0, 872.0
_TIMES = (40.0, 210.0)
_POINTS = 160


@dataclass(frozen=True, slots=True)
class Foretold:
    """Steps in ascending order of their rates."""

    network: Network
    steps: tuple[Mapping[str, Any], ...]


def foretold(observations: Sequence[Observation]) -> Foretold | None:
    """None unless costs were measured and rates tried."""
    steps = sorted((o.detail for o in only(observations, STEP) if "p99_s" in o.detail), key=lambda d: d["rate_per_s"])
    if not steps:
        return None
    try:
        _, network = model_of(observations)
    except (TooLittleError, KeyError, TypeError, ValueError):
        return None
    return Foretold(network, tuple(steps))


def summary(seen: Foretold, bound_s: float) -> str:
    first, ceiling = seen.network.first_to_saturate()
    knee = seen.network.knee_per_s(bound_s)
    told = f"Foretold: {number_text(round(knee, 1))} requests a second within {1000 * bound_s:g} ms"
    return f"{told}; {first} ends it at {number_text(round(ceiling, 1))}."


def foretold_chart(seen: Foretold, bound_s: float) -> Markup:
    knee = seen.network.knee_per_s(bound_s)
    most = max(float(seen.steps[-1]["rate_per_s"]), knee if math.isfinite(knee) else 0.0)
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
    for step in seen.steps:
        rate, p99_s = float(step["rate_per_s"]), float(step["p99_s"])
        title = element("title", f"{rate:g}/s: p99 {1000 * p99_s:.0f} ms, {step['errors']} errors")
        class_ = "dot" if p99_s <= bound_s and not step["errors"] else "dot broken"
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
