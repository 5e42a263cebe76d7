"""A steady rate without a backlog: what is due when, what was skipped, and how a load stands."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sim.clock import Clock

_PATIENCE_S = 1.0
RETRY_S = 0.02
"""How soon it is tried again after a try that came to nothing: when service was back is then known that well."""


@dataclass(slots=True)
class Progress:
    """What a scenario may know of a load under way. Times are on the stage's clock."""

    began_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    attempted: int = 0
    skipped: int = 0
    confirmed_sent_s: list[float] = field(default_factory=list)
    failure: str = ""

    def confirmed_since(self, t_s: float) -> int:
        """Messages sent at or after ``t_s`` and confirmed by now."""
        return sum(sent_s >= t_s for sent_s in tuple(self.confirmed_sent_s))


@dataclass(slots=True)
class Beats:
    """When each operation is due. Beats missed by more than :data:`_PATIENCE_S` are skipped and counted.

    Several that share a rate begin one ``offset_s`` after the other, so that their beats never fall together.
    """

    clock: Clock
    rate_per_s: float
    progress: Progress
    offset_s: float = 0.0
    next_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.next_s = self.progress.began_s + self.offset_s

    def wait_s(self) -> float:
        return self.next_s - self.clock.now_s()

    def due(self) -> float | None:
        """When the operation to be tried now was due, None when none is."""
        late_s = -self.wait_s()
        if late_s < 0:
            return None
        beat_s = 1.0 / self.rate_per_s
        if late_s > _PATIENCE_S:
            missed = int(late_s / beat_s)
            self.progress.skipped += missed
            self.next_s += missed * beat_s
        due_s = self.next_s
        self.next_s += beat_s
        return due_s

    def retry(self) -> None:
        """The last came to nothing: the next is due within :data:`RETRY_S`, whatever the rate."""
        self.next_s = min(self.next_s, self.clock.now_s() + RETRY_S)
