"""How long requests wait at a station of several places.

M/M/c by Erlang's second formula; other spreads of service times by Allen and Cunneen's factor. Source: G. Bolch et al.,
"Queueing Networks and Markov Chains", 2nd edition, sections 6.2.3 and 6.3.6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Wait:
    """Moments of the time a request waits, in seconds and seconds squared; infinite at a station that is overrun."""

    mean_s: float
    second_moment_s2: float

    @property
    def variance_s2(self) -> float:
        return self.second_moment_s2 - self.mean_s**2


NO_WAIT = Wait(0.0, 0.0)
ENDLESS = Wait(math.inf, math.inf)


def erlang_c(places: int, load: float) -> float:
    """The share of requests that wait; ``load`` in places' worth of work. 1 when it is overrun."""
    if load >= places:
        return 1.0
    blocked = 1.0  # Erlang's first formula, place by place
    for place in range(1, places + 1):
        blocked = load * blocked / (place + load * blocked)
    return blocked / (1.0 - (load / places) * (1.0 - blocked))


def waiting(
    places: int, service_s: float, rate_per_s: float, *, service_variation: float = 1.0, arrival_variation: float = 1.0
) -> Wait:
    """At a station where a request takes ``service_s`` of one place. Variations are squared and relative.

    Who waits does so for a time that is near to exponential; exactly so with exponential service.
    """
    load = rate_per_s * service_s
    if load <= 0:
        return NO_WAIT
    if load >= places:
        return ENDLESS
    waits = erlang_c(places, load)
    mean_of_waiting_s = service_s / (places - load) * (arrival_variation + service_variation) / 2
    return Wait(waits * mean_of_waiting_s, 2 * waits * mean_of_waiting_s**2)


def total(waits: Sequence[Wait]) -> Wait:
    """Of independent waits one after another."""
    mean_s = sum(w.mean_s for w in waits)
    if math.isinf(mean_s):
        return ENDLESS
    return Wait(mean_s, sum(w.variance_s2 for w in waits) + mean_s**2)


def quantile_s(wait: Wait, share: float) -> float:
    """By the two moments: none with some probability and else exponential where waits are rare, else a gamma's.

    The gamma's by Wilson and Hilferty, good to a few per cent for the shapes of 1 and more it is used for.
    """
    if wait.mean_s <= 0:
        return 0.0
    if math.isinf(wait.mean_s):
        return math.inf
    waits = 2 * wait.mean_s**2 / wait.second_moment_s2
    if waits <= 1.0:
        mean_of_waiting_s = wait.second_moment_s2 / (2 * wait.mean_s)
        return mean_of_waiting_s * max(0.0, math.log(waits / (1.0 - share)))
    shape = wait.mean_s**2 / wait.variance_s2
    z = NormalDist().inv_cdf(share)
    return wait.mean_s * max(0.0, 1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))) ** 3
