"""A comparison on one page that needs no network and no other file: the answer, a forest plot, the figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from sim.comparison.model import Comparison
from sim.report.comparison import Row, heads, rows
from sim.report.html import TEMPLATES, page_environment
from sim.report.svg import clipped, drawing, element, line, text
from sim.verdict import Status

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 900.0, 300.0, 868.0, 30.0, 26.0
_NAME_COLUMNS = 44
_TICKS_PERCENT = (-75, -50, -33, -20, -10, 0, 10, 20, 33, 50, 100, 200, 400)
_WIDEST = math.log(6.0)
_SYMBOLS = {Status.PASS: "✓", Status.FAIL: "✗", Status.UNKNOWN: "?"}


def render_comparison_html(comparison: Comparison) -> str:
    """The whole page; the same comparison gives the same text."""
    found = rows(comparison)
    drawn = [row for row in found if row.worse is not None]
    return (
        page_environment()
        .get_template("comparison.html.j2")
        .render(
            comparison=comparison,
            css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
            kind=comparison.status.value.lower(),
            symbol=_SYMBOLS[comparison.status],
            heads=heads(comparison),
            rows=found,
            plot=forest(drawn, comparison.question.must_see) if drawn else None,
        )
    )


def forest(found: Sequence[Row], must_see: float) -> Markup:
    """Each figure's ratio with its interval; the line at 0 is no change, the one beyond it what must be seen."""
    reach = min(_WIDEST, max(0.1, math.log(1 + 1.25 * must_see), *(_reach(row) for row in found)))
    bottom = _TOP + _ROW * len(found)

    def x(ratio: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (min(reach, max(-reach, math.log(ratio))) + reach) / (2 * reach)

    parts = [text(_LEFT, 14, "better", "label quiet"), text(_RIGHT, 14, "worse", "label quiet", "end")]
    for percent in _TICKS_PERCENT:
        if abs(math.log(1 + percent / 100)) <= reach:
            at = x(1 + percent / 100)
            parts += [
                line(at, _TOP - 6, at, bottom, "axis" if percent == 0 else "grid"),
                text(at, bottom + 16, f"{percent:+d} %" if percent else "0", "tick", "middle"),
            ]
    parts.append(line(x(1 + must_see), _TOP - 6, x(1 + must_see), bottom, "limit"))
    for number, row in enumerate(found):
        y = _TOP + _ROW * (number + 0.5)
        parts.append(_interval_mark(row, y, x))
    return drawing(_WIDTH, bottom + 30, f"Change of {len(found)} figures with their intervals", *parts)


def _reach(row: Row) -> float:
    worse = row.worse
    assert worse is not None  # noqa: S101 - only rows that have one are drawn
    return 1.1 * max(abs(math.log(worse.lower)), abs(math.log(worse.upper)))


def _interval_mark(row: Row, y: float, x: Callable[[float], float]) -> Markup:
    """A bar from bound to bound, a dot at the value, the name to the left."""
    worse = row.worse
    assert worse is not None  # noqa: S101 - only rows that have one are drawn
    name = clipped(f"{row.scenario.partition('/')[2] or row.scenario} {row.metric}", _NAME_COLUMNS)
    return element(
        "g",
        element("title", f"{row.scenario} {row.metric}: {row.change} worse, {row.interval}; {row.call.value}"),
        text(_LEFT - 12, y + 4, name, "label", "end"),
        line(x(worse.lower), y, x(worse.upper), y, f"span {row.kind}"),
        element("circle", cx=x(worse.value), cy=y, r=4.5, class_=f"mark {row.kind}"),
    )
