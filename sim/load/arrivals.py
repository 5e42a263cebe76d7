"""Who asks for what when, decided before anything is sent: the open-loop schedule of a crowd of shoppers. Pure.

The rate is exact: one request is due in each slot of 1/rate. Whose it is follows from the shoppers' think times: the
one whose pause has been over longest takes the slot, and when nobody's is, a new shopper comes in. So more load is
more shoppers, none of them hastier, and a slow answer moves no request but is charged to those that wait for it.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sim.load.journeys import JOURNEYS, Journey
from sim.load.open_loop import Segment, due_times_s

_THINK_SPREAD = 0.5
"""A pause is its mean give or take half."""


@dataclass(slots=True)
class Visit:
    """One shopper's journey. ``number`` is theirs alone; ``customer`` the account they use, -1 for a stranger.

    ``shared``: somebody else uses the account as well, because every visit needs one and there are not enough.
    """

    number: int
    journey: Journey
    customer: int = -1
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """Ask number ``step`` of a visit, ``due_s`` after its segment's start."""

    due_s: float
    visit: Visit
    step: int


@dataclass(slots=True)
class Arrivals:
    """A crowd that goes on from segment to segment. ``customers`` is how many accounts there are.

    A journey that needs an account while all are in use is put off, and another kind drawn in its place. Raises
    ValueError for a mix that needs accounts where there are none.
    """

    mix: Mapping[str, float]
    rng: random.Random
    customers: int
    peak_customers: int = 0
    peak_visits: int = 0
    _time_s: float = 0.0
    _visits: int = 0
    _free: deque[int] = field(init=False)
    _thinking: list[tuple[float, int, Visit, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free = deque(range(self.customers))
        if not self.customers and not any(share and not JOURNEYS[name].signed_in for name, share in self.mix.items()):
            raise ValueError("every journey of the mix needs an account, and there is none")

    def slots(self, segment: Segment) -> Sequence[Slot]:
        """In the order they are due."""
        made = [self._slot(due_s) for due_s in due_times_s(segment, self.rng)]
        self._time_s += segment.duration_s
        return made

    def _slot(self, due_s: float) -> Slot:
        now_s = self._time_s + due_s
        if self._thinking and self._thinking[0][0] <= now_s:
            _, _, visit, step = heapq.heappop(self._thinking)
        else:
            visit, step = self._enter(), 0
        following = step + 1
        if following < len(visit.journey.asks):
            pause_s = visit.journey.asks[following].think_s * self.rng.uniform(1 - _THINK_SPREAD, 1 + _THINK_SPREAD)
            heapq.heappush(self._thinking, (now_s + pause_s, visit.number, visit, following))
            self.peak_visits = max(self.peak_visits, len(self._thinking))
        elif visit.customer >= 0 and not visit.shared:
            # To the end of the row: an account rests as long as it can, should answers come late.
            self._free.append(visit.customer)
        return Slot(due_s, visit, step)

    def _enter(self) -> Visit:
        wanted = {name: share for name, share in self.mix.items() if share > 0}
        open_to = {name: share for name, share in wanted.items() if self._free or not JOURNEYS[name].signed_in}
        names = list(open_to or wanted)
        journey = JOURNEYS[self.rng.choices(names, [wanted[name] for name in names])[0]]
        self._visits += 1
        if not journey.signed_in:
            return Visit(self._visits, journey)
        if not self._free:
            return Visit(self._visits, journey, self.rng.randrange(self.customers), shared=True)
        customer = self._free.popleft()
        self.peak_customers = max(self.peak_customers, self.customers - len(self._free))
        return Visit(self._visits, journey, customer)


def customers_needed(mix: Mapping[str, float], rate_per_s: float) -> int:
    """How many accounts a crowd of this rate keeps in use at one time, and a few more for answers that come late."""
    if not any(JOURNEYS[name].signed_in and share for name, share in mix.items()):
        return 0
    crowd = Arrivals(mix, random.Random(0), round(10 * rate_per_s) + 10)  # noqa: S311 - a size, no secret
    crowd.slots(Segment("size", rate_per_s, 30.0))
    return crowd.peak_customers + 4
