"""How long to wait before trying again: exponential with full jitter, so that replicas do not come back in step."""

from __future__ import annotations

from random import Random
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0


class Backoff:
    """``next_s`` grows from ``first_s`` to ``longest_s``, each drawn evenly from ``first_s`` up to the bound."""

    def __init__(self, random: Random, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self._bound_s = first_s

    def next_s(self) -> float:
        delay_s = self._random.uniform(self._first_s, self._bound_s)
        self._bound_s = min(self._longest_s, self._bound_s * 2)
        return delay_s

    def reset(self) -> None:
        self._bound_s = self._first_s
