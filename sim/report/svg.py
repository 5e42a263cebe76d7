"""Just enough SVG: elements that escape what they hold, axes with round ticks. Colours are the page's CSS classes."""

from __future__ import annotations

import math

from markupsafe import Markup, escape

from sim.report.printable import one_line

_MANTISSAS = (1.0, 2.0, 2.5, 5.0, 10.0)


def element(tag: str, *children: Markup | str, **attributes: object) -> Markup:
    """``element("rect", x=1, class_="box")``; a trailing underscore is dropped, others become hyphens."""
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _value(value))
        for name, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(child if isinstance(child, Markup) else escape(one_line(child)) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), written, inside)  # noqa: S704 - tag names are ours


def drawing(width: float, height: float, label: str, *children: Markup) -> Markup:
    """A picture with a text for those who do not see it. It scales down to its column, and no further than readable."""
    return element(
        "svg",
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
    )


def text(x: float, y: float, content: str, class_: str = "label", anchor: str | None = None) -> Markup:
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    class_: str,
    *,
    title: str = "",
    radius: float = 0,
) -> Markup:
    children = (element("title", title),) if title else ()
    return element("rect", *children, x=x, y=y, width=max(width, 0), height=max(height, 0), rx=radius, class_=class_)


def path(points: str, class_: str) -> Markup:
    return element("path", d=points, class_=class_)


def clipped(content: str, columns: int) -> str:
    """At most ``columns`` characters, the last an ellipsis when some were cut."""
    return content if len(content) <= columns else f"{content[: columns - 1]}…"


def round_step(span: float, steps: int) -> float:
    """The smallest round step (1, 2, 2.5, 5 times a power of ten) that covers ``span`` in at most ``steps`` steps."""
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / steps))
    return next(m * power for m in _MANTISSAS if m * power * steps >= span * (1 - 1e-9))


def ticks(top: float, steps: int = 5) -> tuple[float, ...]:
    """Round values from 0 up to the first at or above ``top``."""
    step = round_step(top, steps)
    return tuple(step * i for i in range(max(1, math.ceil(top / step - 1e-9)) + 1))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return one_line(str(value))
