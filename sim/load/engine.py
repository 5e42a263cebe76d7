"""What any load engine is asked and how it answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sim.load.open_loop import Segment
from sim.load.result import SegmentReport


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """Segments played one after another over ``connections``, spread over the nodes. ``rng`` draws the schedule."""

    queue: str
    body_bytes: int
    connections: int
    segments: tuple[Segment, ...]
    rng: random.Random


class LoadEngine(Protocol):
    """Drives an order to its end."""

    @property
    def name(self) -> str: ...

    def drive(self, order: LoadOrder, began: Callable[[Segment], None]) -> tuple[SegmentReport, ...]:
        """``began`` is called as each segment starts, and may take as long as it lasts.

        Raises RigError when the generator failed; it has then measured nothing.
        """
        ...
