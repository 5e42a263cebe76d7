"""A picture with its words."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, its title, what it says in words, and a legend of (class, words).

    ``opens``: it is shown unasked, also where its scenario passed.
    """

    title: str
    picture: Markup
    caption: str
    legend: tuple[tuple[str, str], ...] = ()
    opens: bool = True
