"""Which components worked how hard in each step of load: one row a server, one column a step, darker is more CPU."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from sim.report.loads import STEP, Use
from sim.report.svg import clipped, drawing, element, text

_WIDTH = 900.0
_LEFT, _RIGHT, _TOP = 190.0, 884.0, 34.0
_ROW = 21.0
_MOST_ROWS = 14
_THROTTLED = 0.25


def summary(found: Sequence[Use]) -> str:
    last = _columns(found)[-1]
    top = sorted((u for u in found if u.step == last), key=lambda u: -u.cores)[:3]
    held = sorted({u.server for u in found if u.throttled_share >= _THROTTLED})
    told = "In the last step most CPU was used by " + ", ".join(f"{u.server} ({u.cores:.2f} cores)" for u in top) + "."
    return told + (f" Held back by their limits: {', '.join(held[:4])}." if held else "")


def load_cores(found: Sequence[Use]) -> Markup:
    """The busiest servers; each cell's shade is the share of a core, or of the server's limit, that it used."""
    columns = _columns(found)
    busiest = sorted({u.server for u in found}, key=lambda name: -max(u.cores for u in found if u.server == name))
    rows = busiest[:_MOST_ROWS]
    width = (_RIGHT - _LEFT) / len(columns)
    by_place = {(u.server, u.step): u for u in found}
    parts: list[Markup] = []
    for number, step in enumerate(columns):
        middle = _LEFT + (number + 0.5) * width
        parts.append(text(middle, _TOP - 10, f"{step.removeprefix(STEP)}/s", "tick", "middle"))
    for row, server in enumerate(rows):
        top = _TOP + row * _ROW
        parts.append(text(_LEFT - 8, top + 14, clipped(server, 26), "tick", "end"))
        for number, step in enumerate(columns):
            use = by_place.get((server, step))
            if use is not None:
                parts += _cell(use, (_LEFT + number * width, top), width)
    return drawing(_WIDTH, _TOP + _ROW * len(rows) + 10, f"CPU by component and step: {summary(found)}", *parts)


def _cell(use: Use, place: tuple[float, float], width: float) -> list[Markup]:
    share = min(1.0, use.cores / (use.limit_cores or 1.0))
    held = use.throttled_share >= _THROTTLED
    title = f"{use.server}: {use.cores:.2f} cores"
    if use.limit_cores:
        title += f" of {use.limit_cores:g}, held back in {100 * use.throttled_share:.0f} % of the periods"
    left, top = place
    words = f"{use.cores:.2f}" + (" ▲" if held else "")
    return [
        element(
            "rect",
            element("title", title),
            x=left + 1,
            y=top + 1,
            width=max(width - 2, 1),
            height=_ROW - 2,
            rx=3,
            class_="heat held" if held else "heat",
            fill_opacity=round(0.08 + 0.82 * share, 3),
        ),
        text(left + width / 2, top + 14, words, "tick heat-text" if share > 0.6 else "tick", "middle"),
    ]


def _columns(found: Sequence[Use]) -> list[str]:
    """Steps in ascending order of their rate."""
    return sorted({u.step for u in found}, key=_rate)


def _rate(step: str) -> float:
    try:
        return float(step.removeprefix(STEP))
    except ValueError:
        return 0.0
