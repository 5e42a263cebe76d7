"""Latency by percentile, to the rare ones: the axis stretches towards 100 %, where the trouble is.

Read from ``publish`` observations that came to OK, with ``detail`` ``{"latency_s", "intended_s"?}``. ``latency_s``
counts from sending; ``intended_s`` is when it was due, since the run began: counted from there (``t_s`` minus
``intended_s``), a stall also weighs on those that had to queue behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sim.history import Observation, Outcome
from sim.report.operations import PUBLISH
from sim.report.summary import number_text
from sim.report.svg import drawing, element, line, path, text, ticks
from sim.statistics.percentiles import percentile

_WIDTH, _HEIGHT = 900.0, 268.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 868.0, 34.0, 226.0
_POINTS = 240
_NAMED = (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)
_MARKED = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Sorted, in seconds; either may be empty: ``from_due_s`` when no operation said when it was due."""

    from_sent_s: tuple[float, ...]
    from_due_s: tuple[float, ...]

    @property
    def told_s(self) -> tuple[float, ...]:
        """The honest ones: from when each was due, where that is known."""
        return self.from_due_s or self.from_sent_s


def latencies(observations: Sequence[Observation]) -> Latencies | None:
    """None when nothing confirmed says how long it took."""
    confirmed = [
        (o.t_s, o.detail)
        for o in observations
        if o.op == PUBLISH and o.outcome is Outcome.OK and "latency_s" in o.detail
    ]
    if not confirmed:
        return None
    due = sorted(t_s - float(d["intended_s"]) for t_s, d in confirmed if d.get("intended_s") is not None)
    # A partial series would tell of some operations and look as if it told of all.
    complete = due if len(due) == len(confirmed) else []
    return Latencies(tuple(sorted(float(d["latency_s"]) for _, d in confirmed)), tuple(complete))


def summary(seen: Latencies, what: str = "confirmed") -> str:
    said = ", ".join(
        f"p{share * 100:g} {number_text(_ms(percentile(seen.told_s, share)))} ms" for share in (0.5, 0.95, 0.99)
    )
    since = "due" if seen.from_due_s else "sent"
    return f"{said}, of {number_text(len(seen.told_s))} {what}, counted from when each was {since}."


def latency_percentiles(seen: Latencies) -> Markup:
    decades = max(1.0, math.log10(len(seen.told_s)))
    top_ms = max(_ms(seen.told_s[-1]), *(_ms(seconds) for seconds in seen.from_sent_s[-1:]), 0.001)
    levels = ticks(top_ms, 4)

    def x(share: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(decades, -math.log10(1 - share)) / decades

    def y(value_s: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * min(1.0, value_s * 1000 / levels[-1])

    def curve(ordered: Sequence[float], class_: str) -> Markup:
        shares = [1 - 10 ** (-decades * i / _POINTS) for i in range(_POINTS)]
        points = [f"{x(s):.1f} {y(percentile(ordered, s)):.1f}" for s in shares]
        return path("M" + "L".join([*points, f"{_RIGHT:.1f} {y(ordered[-1]):.1f}"]), class_)

    parts = [text(12, 14, "milliseconds", "label quiet")]
    for level in levels:
        at = y(level / 1000)
        parts += [
            line(_LEFT, at, _RIGHT, at, "grid"),
            text(_LEFT - 8, at + 4, f"{level:g}", "tick", "end"),
        ]
    for share in _NAMED:
        if -math.log10(1 - share) <= decades:
            parts += [
                line(x(share), _TOP, x(share), _BOTTOM, "grid"),
                text(x(share), _BOTTOM + 18, f"{share * 100:g} %", "tick", "middle"),
            ]
    parts.append(text(_RIGHT, _BOTTOM + 34, "slowest", "tick", "end"))
    parts.append(line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis"))
    if seen.from_due_s and seen.from_sent_s:
        parts.append(curve(seen.from_sent_s, "curve sent"))
    parts.append(curve(seen.told_s, "curve due"))
    for share in _MARKED:
        value_s = percentile(seen.told_s, share)
        parts += [
            element("circle", cx=x(share), cy=y(value_s), r=3.5, class_="dot"),
            text(x(share), y(value_s) - 10, f"{number_text(_ms(value_s))}", "tick strong halo", "middle"),
        ]
    return drawing(_WIDTH, _HEIGHT, f"Latency by percentile: {summary(seen)}", *parts)


def _ms(seconds: float) -> float:
    return float(f"{seconds * 1000:.3g}")
