"""Latencies in an HdrHistogram: mergeable, three significant digits from a microsecond to ten minutes, one short text.

The text is the format's own (V2, compressed, base64), so that any HdrHistogram tool reads what a run keeps.
Source: Gil Tene, HdrHistogram; the wire format of ``HdrHistogram.encodeIntoCompressedByteBuffer``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, Self

from hdrh.histogram import HdrHistogram

_LOWEST_US = 1
_HIGHEST_US = 600 * 1_000_000
_DIGITS = 3
_US = 1_000_000


class Latencies:
    """Counts by latency. Values outside the range are counted at its ends: none is ever dropped."""

    def __init__(self, seconds: Iterable[float] = ()) -> None:
        self._counts: Any = HdrHistogram(_LOWEST_US, _HIGHEST_US, _DIGITS)
        for value_s in seconds:
            self.add(value_s)

    def add(self, value_s: float) -> None:
        self._counts.record_value(min(_HIGHEST_US, max(_LOWEST_US, round(value_s * _US))))

    def merge(self, other: Self) -> None:
        self._counts.add(other._counts)

    @property
    def count(self) -> int:
        return int(self._counts.get_total_count())

    @property
    def max_s(self) -> float:
        return float(self._counts.get_max_value()) / _US if self.count else 0.0

    @property
    def mean_s(self) -> float:
        return float(self._counts.get_mean_value()) / _US if self.count else 0.0

    def quantile_s(self, share: float) -> float:
        """By nearest rank, 0.0 of nothing. At most 0.1 % above the true sample."""
        return float(self._counts.get_value_at_percentile(100 * share)) / _US if self.count else 0.0

    def ordered_s(self) -> list[float]:
        """Every latency, as fine as the digits tell, in ascending order."""
        return [
            step.value_iterated_to / _US
            for step in self._counts.get_recorded_iterator()
            for _ in range(step.count_added_in_this_iter_step)
        ]

    def percentiles_text(self) -> str:
        """In milliseconds, as ``HdrHistogram.outputPercentileDistribution`` prints it and its plotters read it."""
        out = io.BytesIO()
        self._counts.output_percentile_distribution(out, 1000.0)
        return out.getvalue().decode("ascii")

    def encoded(self) -> str:
        return str(self._counts.encode().decode("ascii"))

    @classmethod
    def decoded(cls, text: str) -> Self:
        """Raises ValueError for what is not an encoded histogram."""
        made = cls()
        try:
            made._counts.decode_and_add(text)
        except Exception as error:
            raise ValueError(f"not an encoded histogram ({type(error).__name__}: {error})") from error
        return made


def merged(parts: Iterable[Latencies]) -> Latencies:
    whole = Latencies()
    for part in parts:
        whole.merge(part)
    return whole
