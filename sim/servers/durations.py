"""Durations as Prometheus and Alertmanager print them."""

from __future__ import annotations

import re

_UNITS_S = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "y": 31536000.0,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)")


def printed_duration_s(text: str) -> float:
    """``4w2d`` → 2592000, ``120h0m0s`` → 432000. Raises ValueError for anything else."""
    if not re.fullmatch(f"({_PART.pattern})+", text):
        raise ValueError(f"not a duration: {text!r}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
