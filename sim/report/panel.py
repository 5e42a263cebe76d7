"""One of several pictures below each other on a common axis: its own scale, its grid, its title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sim.report.summary import number_text
from sim.report.svg import line, text, ticks


@dataclass(frozen=True, slots=True)
class Panel:
    """From ``top_y`` down to ``bottom_y`` of the drawing, ``levels`` ascending from 0."""

    title: str
    top_y: float
    bottom_y: float
    levels: Sequence[float]

    @classmethod
    def of(cls, title: str, rows: tuple[float, float], most: float) -> Panel:
        """Round levels that reach ``most``."""
        return cls(title, *rows, ticks(max(most, 1e-6), 3))

    def y(self, value: float) -> float:
        """What is beyond the scale is drawn at its end."""
        return self.bottom_y - (self.bottom_y - self.top_y) * min(value, self.levels[-1]) / self.levels[-1]

    def axes(self, left: float, right: float) -> list[Markup]:
        parts = [text(left - 44, self.top_y - 14, self.title, "label quiet")]
        for level in self.levels:
            at = self.y(level)
            parts += [line(left, at, right, at, "grid"), text(left - 8, at + 4, number_text(level), "tick", "end")]
        return [*parts, line(left, self.bottom_y, right, self.bottom_y, "axis")]
