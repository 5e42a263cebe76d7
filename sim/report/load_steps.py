"""A load raised step by step: what was carried, how long answers took, where the knee is."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from sim.report.loads import Segment
from sim.report.panel import Panel
from sim.report.summary import number_text
from sim.report.svg import drawing, element, line, path, text, ticks

_WIDTH, _HEIGHT = 900.0, 384.0
_LEFT, _RIGHT = 56.0, 872.0
_CARRIED = (40.0, 160.0)
_TIMES = (206.0, 330.0)


def kept(step: Segment, bound_s: float, error_share: float) -> bool:
    """Whether one step kept what users are promised, as far as a picture tells."""
    count = step.latencies.count + step.errors
    return count > 0 and step.errors <= error_share * count and step.p99_s <= bound_s


def knee(found: Sequence[Segment], bound_s: float, error_share: float) -> tuple[Segment | None, Segment | None]:
    """(the last step that kept it, the first that did not)."""
    last: Segment | None = None
    for step in found:
        if not kept(step, bound_s, error_share):
            return last, step
        last = step
    return last, None


def summary(found: Sequence[Segment], bound_s: float, error_share: float) -> str:
    good, bad = knee(found, bound_s, error_share)
    if good is None:
        return "The promise does not hold at the lowest rate."
    told = f"Kept up to {number_text(good.rate_per_s)} requests a second"
    return f"{told}, broken at {number_text(bad.rate_per_s)}." if bad else f"{told}, the highest rate tried."


def load_steps(found: Sequence[Segment], bound_s: float, error_share: float) -> Markup:
    rates = ticks(found[-1].rate_per_s * 1.02, 8)
    carried = Panel.of("well answered a second", _CARRIED, max(max(s.rate_per_s, s.answered_per_s) for s in found))
    times = Panel.of("milliseconds, 99th percentile", _TIMES, 1020 * max(bound_s, *(s.p99_s for s in found)))

    def x(rate: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * rate / rates[-1]

    most = min(rates[-1], carried.levels[-1])
    at = times.y(1000 * bound_s)
    parts = [
        *carried.axes(_LEFT, _RIGHT),
        *times.axes(_LEFT, _RIGHT),
        *(text(x(rate), _TIMES[1] + 18, number_text(rate), "tick", "middle") for rate in rates),
        text(_RIGHT, _TIMES[1] + 36, "requests a second, offered", "tick", "end"),
        line(x(0), carried.y(0), x(most), carried.y(most), "ideal"),
        line(_LEFT, at, _RIGHT, at, "bound"),
        text(_LEFT + 6, at - 5, "promised", "tick fault-name"),
        path("M" + "L".join(f"{x(s.rate_per_s):.1f} {carried.y(s.answered_per_s):.1f}" for s in found), "curve due"),
        path("M" + "L".join(f"{x(s.rate_per_s):.1f} {times.y(1000 * s.p99_s):.1f}" for s in found), "curve due"),
    ]
    for step in found:
        class_ = "dot" if kept(step, bound_s, error_share) else "dot broken"
        heights = (carried.y(step.answered_per_s), times.y(1000 * step.p99_s))
        parts += [
            element("circle", element("title", _told(step)), cx=x(step.rate_per_s), cy=y, r=4, class_=class_)
            for y in heights
        ]
    good, bad = knee(found, bound_s, error_share)
    if good is not None and bad is not None:
        parts += _knee(x(good.rate_per_s), good)
    return drawing(_WIDTH, _HEIGHT, f"Load step by step: {summary(found, bound_s, error_share)}", *parts)


def _told(step: Segment) -> str:
    carried = f"{step.rate_per_s:g}/s offered: {step.answered_per_s:.1f}/s well answered"
    return f"{carried}, p99 {1000 * step.p99_s:.0f} ms, {step.errors} errors"


def _knee(place: float, good: Segment) -> list[Markup]:
    near_end = place > _RIGHT - 140
    return [
        line(place, _CARRIED[0] - 6, place, _TIMES[1], "leader-mark"),
        text(
            place + (-6 if near_end else 6),
            _CARRIED[0] + 2,
            f"knee {number_text(good.rate_per_s)}/s",
            "tick strong halo",
            "end" if near_end else None,
        ),
    ]
