"""What a judge gathers on its way: what is wrong, what stays open, what it noticed; and the verdict they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sim.verdict import Status, Verdict


@dataclass(slots=True)
class Findings:
    """``wrong`` is the platform's and makes FAIL, ``open`` makes UNKNOWN, ``told`` is for the reader.

    ``spoiled``: the instrument was at fault, so that what looks wrong proves nothing.
    """

    wrong: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    spoiled: bool = False

    def verdict(self, holds: Callable[[Mapping[str, float]], str]) -> Verdict:
        """``holds`` says in words, from the numbers, what was shown when nothing is wrong or open."""
        lines = (*self.wrong, *self.open, *self.told)
        if self.wrong and not self.spoiled:
            return Verdict(Status.FAIL, _summed(self.wrong), lines, self.numbers)
        if self.open:
            return Verdict(Status.UNKNOWN, _summed(self.open), lines, self.numbers)
        return Verdict(Status.PASS, holds(self.numbers), lines, self.numbers)


def _summed(lines: list[str]) -> str:
    return lines[0] + (f", and {len(lines) - 1} more" if len(lines) > 1 else "")
