"""Load over time: above what was due, answered and wrong in each second, below how long answers took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from sim.report.loads import Second
from sim.report.operations import Band
from sim.report.panel import Panel
from sim.report.summary import number_text
from sim.report.svg import box, clipped, drawing, line, path, text, ticks

_WIDTH, _HEIGHT = 900.0, 392.0
_LEFT, _RIGHT = 56.0, 884.0
_RATES = (40.0, 170.0)
_TIMES = (214.0, 346.0)
_FEWEST_WORDS = 70.0
_Scale = Callable[[float], float]


def summary(seen: Sequence[Second]) -> str:
    due, errors = sum(s.due for s in seen), sum(s.errors for s in seen)
    slowest_s = max((s.p99_s or 0.0 for s in seen), default=0.0)
    return (
        f"{number_text(due)} requests in {number_text(len(seen))} seconds of load, {number_text(errors)} errors; "
        f"the slowest second's 99th percentile was {number_text(round(1000 * slowest_s, 1))} ms."
    )


def load_timeline(seen: Sequence[Second], bands: Sequence[Band], bound_s: float) -> Markup:
    """``bands`` are faults, in seconds since the run began; ``bound_s`` what 99 of 100 answers are promised within."""
    from_s, to_s = seen[0].t_s - 1.0, seen[-1].t_s
    span_s = max(to_s - from_s, 1.0)
    rates = Panel.of("requests a second", _RATES, max(max(s.due, s.answered + s.errors) for s in seen))
    times = Panel.of("milliseconds from when due", _TIMES, 1020 * max((s.p99_s or 0.001 for s in seen), default=0.001))

    def x(t_s: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (min(max(t_s, from_s), to_s) - from_s) / span_s

    parts = [
        box(x(band.from_s), top, max(x(band.to_s) - x(band.from_s), 2), bottom - top, "fault-band")
        for band in bands
        if band.to_s > from_s and band.from_s < to_s
        for top, bottom in (_RATES, _TIMES)
    ]
    parts += [*rates.axes(_LEFT, _RIGHT), *times.axes(_LEFT, _RIGHT)]
    for second in seen:
        parts += _bar(second, x, rates)
    for group in _unbroken(seen):
        parts += _curves(group, x, rates, times)
    if 1000 * bound_s <= times.levels[-1]:
        at = times.y(1000 * bound_s)
        parts += [line(_LEFT, at, _RIGHT, at, "bound"), text(_RIGHT, at - 5, "promised", "tick fault-name", "end")]
    parts += _names(seen, x)
    parts += [
        text(x(from_s + at_s), _TIMES[1] + 18, f"{at_s:g} s", "tick", "middle")
        for at_s in ticks(span_s, 10)
        if at_s <= span_s
    ]
    return drawing(_WIDTH, _HEIGHT, f"Load over time: {summary(seen)}", *parts)


def _bar(second: Second, x: _Scale, rates: Panel) -> list[Markup]:
    """What came of one second: well answered at the bottom, errors on top."""
    left, width = x(second.t_s - 1.0), max(x(second.t_s) - x(second.t_s - 1.0) - 0.6, 0.8)
    title = f"{second.answered} answered, {second.errors} errors, {second.due} due"
    good, all_ = rates.y(second.answered), rates.y(second.answered + second.errors)
    parts = [box(left, good, width, rates.bottom_y - good, "op ok", title=title)]
    return [*parts, box(left, all_, width, good - all_, "op failed", title=title)] if second.errors else parts


def _curves(group: Sequence[Second], x: _Scale, rates: Panel, times: Panel) -> list[Markup]:
    """What was due as stairs, percentiles as lines; a gap between segments is a gap in each."""
    corners = [f"{x(at):.1f} {rates.y(s.due):.1f}" for s in group for at in (s.t_s - 1.0, s.t_s)]
    parts = [path("M" + "L".join(corners), "curve sent")]
    for class_, told in (
        ("curve median", [(s.t_s, s.p50_s) for s in group]),
        ("curve due", [(s.t_s, s.p99_s) for s in group]),
    ):
        points = [f"{x(t_s - 0.5):.1f} {times.y(1000 * value_s):.1f}" for t_s, value_s in told if value_s is not None]
        if points:
            parts.append(path("M" + "L".join(points), class_))
    return parts


def _unbroken(seen: Sequence[Second]) -> list[list[Second]]:
    groups: list[list[Second]] = []
    for second in seen:
        if groups and groups[-1][-1].segment == second.segment and second.t_s - groups[-1][-1].t_s < 1.5:
            groups[-1].append(second)
        else:
            groups.append([second])
    return groups


def _names(seen: Sequence[Second], x: _Scale) -> list[Markup]:
    """Each segment's name above its first second, where there is room."""
    parts, free_from = [], 0.0
    for group in _unbroken(seen):
        at = x(group[0].t_s - 1.0)
        parts.append(line(at, _RATES[0] - 4, at, _TIMES[1], "leader-mark"))
        if at >= free_from:
            near_end = at > _RIGHT - _FEWEST_WORDS
            place, anchor = (_RIGHT, "end") if near_end else (at + 4, None)
            parts.append(text(place, _RATES[0] - 1, clipped(group[0].segment, 12), "tick strong halo", anchor))
            free_from = at + _FEWEST_WORDS
    return parts
